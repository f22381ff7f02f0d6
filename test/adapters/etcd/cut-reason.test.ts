import assert from 'node:assert/strict';
import { cutReason } from '../../../src/adapters/etcd/cut-reason.ts';
import { wireErrorOf } from '../../../src/adapters/etcd/etcd-failure.ts';
import type { TlsPaths } from '../../../src/adapters/etcd/etcd-wire.ts';

const TLS: TlsPaths = { ca: '/ca.pem', cert: '/cert.pem', key: '/key.pem' };
const BARE: TlsPaths = { ca: undefined, cert: undefined, key: undefined };
const PREFIX = '14 UNAVAILABLE: No connection established. Last error: ';
const ALERT =
  '403DA750127F0000:error:0A000412:SSL routines:ssl3_read_bytes:ssl/tls alert bad certificate:' +
  '../deps/openssl/openssl/ssl/record/rec_layer_s3.c:918:SSL alert number 42\n (2026-11-23T08:30:50.615Z)';

/** What grpc-js says, seen with real servers. */
const ROWS: readonly { name: string; said: string; tls?: TlsPaths; expected: string }[] = [
  {
    name: 'nobody listens',
    said: 'Error: connect ECONNREFUSED 10.0.0.1:2379. Resolution note: ',
    expected: 'it refuses connections; is etcd running there?',
  },
  {
    name: 'a wrong CA',
    said: 'Error: unable to verify the first certificate; if the root CA is installed locally, try …',
    tls: TLS,
    expected: 'its certificate is not signed by a CA of /ca.pem',
  },
  {
    name: 'no CA given',
    said: 'Error: self-signed certificate in certificate chain. Resolution note: ',
    tls: BARE,
    expected: 'its certificate is not signed by a CA that this system trusts; give one with ca=',
  },
  {
    name: 'a wrong name',
    said: "Error [ERR_TLS_CERT_ALTNAME_INVALID]: Hostname/IP does not match certificate's altnames: …",
    tls: TLS,
    expected: 'its certificate is not made for the name etcd-1; use a name that it has',
  },
  {
    name: 'an expired certificate',
    said: 'Error: certificate has expired. Resolution note: ',
    tls: TLS,
    expected: "its certificate has expired, or the CA's in /ca.pem; renew it",
  },
  {
    name: 'a client certificate that is refused',
    said: `${ALERT}. Resolution note: `,
    tls: TLS,
    expected: 'it refuses the client certificate /cert.pem; is it signed by the CA that etcd trusts?',
  },
  {
    name: 'a client certificate that is missing',
    said: `${ALERT}. Resolution note: `,
    tls: BARE,
    expected: 'it wants a client certificate; give one with cert= and key=',
  },
  {
    name: 'TLS that is not spoken to',
    said: 'Failed to connect (2026-11-23T08:30:42.157Z). Resolution note: ',
    expected: 'the connection broke (Failed to connect); is it etcd v3, and does it want TLS (etcd+tls://)?',
  },
  {
    name: 'TLS that is not spoken',
    said: 'Error: write EPROTO 00:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:…',
    tls: TLS,
    expected: 'it does not speak TLS there; write etcd:// instead of etcd+tls://',
  },
  {
    name: 'what the library does not tell',
    said: 'null. Resolution note: ',
    expected: 'the connection broke',
  },
  { name: 'what nobody knows', said: 'Error: a teapot', expected: 'a teapot' },
];

describe('cutReason', () => {
  for (const row of ROWS) {
    it(`says what to do about ${row.name}`, () => {
      const { trouble, message } = wireErrorOf({
        kind: 'GRPCUnavailableError',
        message: PREFIX + row.said,
        cause: undefined,
      });
      assert.equal(trouble, 'cut');
      assert.equal(cutReason(message, { host: 'etcd-1:2379', tls: row.tls }), row.expected);
    });
  }

  it('says that a name is not known', () => {
    const message = '14 UNAVAILABLE: Name resolution failed for target dns:etcd-9:2379';
    const error = wireErrorOf({ kind: 'GRPCUnavailableError', message, cause: undefined });
    assert.match(
      cutReason(error.message, { host: 'etcd-9:2379', tls: undefined }),
      /is etcd-9:2379 written right/,
    );
  });
});
