import { EtcdWireError } from './etcd-wire.ts';
import type { EtcdTransport, PemFacts, TlsContents, TlsPaths } from './etcd-wire.ts';

/** What reading the files needs. */
type Files = Pick<EtcdTransport, 'readFile' | 'examine' | 'isKeyOf'>;

/** The files of a connection as they are now. */
export interface ReadTls {
  readonly contents: TlsContents;
  /** What may be why a member refuses us, although it does not keep us from trying; or undefined. */
  readonly doubt: string | undefined;
}

/**
 * Reads the files of a TLS connection, and looks at them before a handshake fails on them without a name.
 *
 * @param nowMs - Wall time. A certificate that is not valid now is a doubt only: not every member asks for
 *   one, and our clock may be the wrong one.
 * @throws {EtcdWireError} `failed`: a file is missing, unreadable or not what it should be; the message names
 *   it. Retrying helps once it is mended.
 *
 * Called for every new connection, so that files that were replaced are used.
 */
export async function readTls(files: Files, paths: TlsPaths, nowMs: number): Promise<ReadTls> {
  const { ca: caPath, cert: certPath, key: keyPath } = paths;
  const ca = caPath === undefined ? undefined : await read(files, caPath, 'CA certificates');
  if (ca !== undefined && files.examine(ca).kind !== 'certificate') {
    throw failed(`${caPath} holds no certificate in PEM form; it should hold the CA of etcd`);
  }
  if (certPath === undefined || keyPath === undefined) {
    if (certPath !== undefined)
      throw failed(`the certificate ${certPath} is given without its key; give both`);
    if (keyPath !== undefined) throw failed(`the key ${keyPath} is given without its certificate; give both`);
    return { contents: { ca, cert: undefined, key: undefined }, doubt: undefined };
  }
  const cert = await read(files, certPath, 'client certificate');
  const key = await read(files, keyPath, 'key of the client certificate');
  const facts = files.examine(cert);
  if (facts.kind !== 'certificate') throw failed(`${certPath} holds no certificate in PEM form`);
  checkKey(files.examine(key), keyPath);
  if (!files.isKeyOf(key, cert)) throw failed(`${keyPath} is not the key of the certificate ${certPath}`);
  return { contents: { ca, cert, key }, doubt: doubtOf(facts, certPath, nowMs) };
}

/**
 * Reads a password: the first line of its file, as editors end it with a newline.
 *
 * @throws {EtcdWireError} `failed`: it is missing, unreadable or empty; the message names it.
 */
export async function readPassword(files: Pick<EtcdTransport, 'readFile'>, path: string): Promise<string> {
  const text = new TextDecoder().decode(await read(files, path, 'password'));
  const [password = ''] = text.split(/\r?\n/);
  if (password === '') throw failed(`${path} holds no password in its first line`);
  return password;
}

async function read(files: Pick<EtcdTransport, 'readFile'>, path: string, what: string): Promise<Uint8Array> {
  try {
    return await files.readFile(path);
  } catch (cause) {
    throw failed(`cannot read ${path} (${what} for etcd): ${reasonOf(cause)}`, cause);
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ENOENT':
      return 'there is no such file';
    case 'EACCES':
    case 'EPERM':
      return 'no permission; let the user that embassy runs as read it';
    case 'EISDIR':
      return 'it is a directory';
    case undefined:
    default:
      return error instanceof Error ? error.message : String(error);
  }
}

function checkKey(facts: PemFacts, path: string): void {
  switch (facts.kind) {
    case 'key':
      return;
    case 'encrypted key':
      throw failed(`the key ${path} is encrypted, and embassy knows no passphrase; store it without one`);
    case 'certificate':
      throw failed(`${path} holds a certificate where its private key should be`);
    case 'nothing':
      throw failed(`${path} holds no private key in PEM form`);
  }
}

function doubtOf(
  facts: PemFacts & { readonly kind: 'certificate' },
  path: string,
  nowMs: number,
): string | undefined {
  const { from, to } = facts;
  if (nowMs > to.atMs) return `the client certificate ${path} expired at ${to.text}; renew it`;
  if (nowMs < from.atMs) return `the client certificate ${path} is valid from ${from.text} only`;
  return undefined;
}

function failed(message: string, cause?: unknown): EtcdWireError {
  return new EtcdWireError('failed', message, { cause });
}
