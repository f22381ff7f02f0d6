import { generateKeyPairSync, sign } from 'node:crypto';

/** A certificate that signs itself, and its key, in PEM form. */
export interface SelfSigned {
  readonly cert: string;
  readonly key: string;
}

/** ecdsa-with-SHA256, subjectAltName and basicConstraints. @see RFC 5758 3.2, RFC 5280 4.2.1. */
const [ECDSA_SHA256, ALT_NAME, CONSTRAINTS] = ['2a8648ce3d040302', '551d11', '551d13'].map((hex) =>
  der(0x06, Buffer.from(hex, 'hex')),
);

/** The common name. @see RFC 5280, appendix A.1. */
const COMMON_NAME = der(0x06, Buffer.from('550403', 'hex'));

/**
 * Makes a certificate for an IPv4 address that is its own authority, so that tests of TLS need no tool.
 *
 * @see RFC 5280, section 4.1.
 */
export function selfSigned(address: string): SelfSigned {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const algorithm = der(0x30, ECDSA_SHA256);
  const name = der(0x30, der(0x31, der(0x30, COMMON_NAME, der(0x0c, Buffer.from('embassy test')))));
  const validity = der(0x30, ...['200101000000Z', '491231235959Z'].map((at) => der(0x17, Buffer.from(at))));
  const ip = der(0x87, Buffer.from(address.split('.').map(Number)));
  const isAuthority = der(0x01, Buffer.from([0xff]));
  const extensions = der(
    0xa3,
    der(
      0x30,
      der(0x30, ALT_NAME, der(0x04, der(0x30, ip))),
      der(0x30, CONSTRAINTS, der(0x04, der(0x30, isAuthority))),
    ),
  );
  const body = der(
    0x30,
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([1])),
    algorithm,
    name,
    validity,
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    extensions,
  );
  const signature = der(0x03, Buffer.from([0]), sign('sha256', body, privateKey));
  const lines = der(0x30, body, algorithm, signature).toString('base64').replace(/.{64}/g, '$&\n');
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

/** One element in DER. */
function der(tag: number, ...parts: readonly (Buffer | undefined)[]): Buffer {
  const content = Buffer.concat(parts.filter((part) => part !== undefined));
  const { length } = content;
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}
