import { readFileSync } from 'node:fs';

/** Thrown when the file of a token cannot be used; the message says why. */
export class TokenFileError extends Error {
  override readonly name = 'TokenFileError';
}

/**
 * Reads the token of a file (`--admin-token-file`), without the white space around it.
 *
 * @throws {TokenFileError} The file cannot be read, is empty, or holds more than one word.
 */
export function readTokenFile(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new TokenFileError(`the token of --admin-token-file cannot be read: ${why}`, { cause: error });
  }
  if (text !== '' && !/\s/.test(text)) return text;
  throw new TokenFileError(`${path} (--admin-token-file) must hold one token, without white space`);
}
