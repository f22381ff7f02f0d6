import assert from 'node:assert/strict';
import { readTls } from '../../../src/adapters/etcd/read-tls.ts';
import { SimClock } from '../../../sim/clock.ts';
import { EtcdStore } from '../../../sim/etcd/etcd-store.ts';
import { SimEtcdTransport } from '../../../sim/etcd/sim-etcd-transport.ts';
import { settle } from '../../support/settle.ts';
import type { TlsPaths } from '../../../src/adapters/etcd/etcd-wire.ts';

const PATHS: TlsPaths = { ca: '/ca.pem', cert: '/cert.pem', key: '/key.pem' };
const GOOD = { '/ca.pem': 'CERT ca', '/cert.pem': 'CERT me', '/key.pem': 'KEY me' };
const NOW_MS = 1_000_000;

function transportWith(files: Readonly<Record<string, string | undefined>>): SimEtcdTransport {
  const clock = new SimClock(settle);
  const transport = new SimEtcdTransport({ clock, store: new EtcdStore({ clock }) });
  for (const [path, text] of Object.entries(files)) if (text !== undefined) transport.files.set(path, text);
  return transport;
}

const BAD: readonly {
  name: string;
  files?: Readonly<Record<string, string | undefined>>;
  paths?: Partial<TlsPaths>;
  says: string;
}[] = [
  {
    name: 'a missing CA',
    files: { '/ca.pem': undefined },
    says: 'cannot read /ca.pem (CA certificates for etcd): there is no such file',
  },
  {
    name: 'a missing key',
    files: { '/key.pem': undefined },
    says: 'cannot read /key.pem (key of the client certificate for etcd): there is no such file',
  },
  {
    name: 'a CA that is no certificate',
    files: { '/ca.pem': 'hello' },
    says: '/ca.pem holds no certificate in PEM form; it should hold the CA of etcd',
  },
  {
    name: 'a certificate that is none',
    files: { '/cert.pem': 'KEY me' },
    says: '/cert.pem holds no certificate in PEM form',
  },
  {
    name: 'a key that is none',
    files: { '/key.pem': 'hello' },
    says: '/key.pem holds no private key in PEM form',
  },
  {
    name: 'a certificate for a key',
    files: { '/key.pem': 'CERT me' },
    says: '/key.pem holds a certificate where its private key should be',
  },
  {
    name: 'an encrypted key',
    files: { '/key.pem': 'LOCKED me' },
    says: 'the key /key.pem is encrypted, and embassy knows no passphrase; store it without one',
  },
  {
    name: 'the key of another certificate',
    files: { '/key.pem': 'KEY you' },
    says: '/key.pem is not the key of the certificate /cert.pem',
  },
  {
    name: 'a certificate without its key',
    paths: { key: undefined },
    says: 'the certificate /cert.pem is given without its key; give both',
  },
  {
    name: 'a key without its certificate',
    paths: { cert: undefined },
    says: 'the key /key.pem is given without its certificate; give both',
  },
];

describe('readTls', () => {
  it('gives the contents of all files', async () => {
    const { contents, doubt } = await readTls(transportWith(GOOD), PATHS, NOW_MS);
    const texts = [contents.ca, contents.cert, contents.key].map((bytes) => new TextDecoder().decode(bytes));
    assert.deepEqual(texts, ['CERT ca', 'CERT me', 'KEY me']);
    assert.equal(doubt, undefined);
  });

  it('reads nothing where no file is given', async () => {
    const none = { ca: undefined, cert: undefined, key: undefined };
    const { contents } = await readTls(transportWith({}), none, NOW_MS);
    assert.deepEqual(contents, none);
  });

  for (const row of BAD) {
    it(`reports ${row.name}, naming the file`, async () => {
      const transport = transportWith({ ...GOOD, ...row.files });
      await assert.rejects(readTls(transport, { ...PATHS, ...row.paths }, NOW_MS), (error) => {
        assert.ok(error instanceof Error);
        assert.equal(error.message, row.says);
        return true;
      });
    });
  }

  for (const [code, expected] of [
    ['EACCES', /no permission; let the user that embassy runs as read it/],
    ['EISDIR', /it is a directory/],
    ['EIO', /cannot read \/ca\.pem \(CA certificates for etcd\): i\/o error/],
  ] as const) {
    it(`says what ${code} means`, async () => {
      const transport = transportWith(GOOD);
      transport.readFile = async () => {
        throw Object.assign(new Error('i/o error'), { code });
      };
      await assert.rejects(readTls(transport, PATHS, NOW_MS), expected);
    });
  }

  it('doubts a certificate that has expired, and tries it', async () => {
    const transport = transportWith({ ...GOOD, '/cert.pem': `CERT me until ${NOW_MS - 1}` });
    const { contents, doubt } = await readTls(transport, PATHS, NOW_MS);
    assert.ok(contents.cert !== undefined);
    assert.equal(doubt, `the client certificate /cert.pem expired at ${NOW_MS - 1} ms; renew it`);
  });
});
