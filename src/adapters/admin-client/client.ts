import { existsSync } from 'node:fs';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AdminAddress, AdminTransport, RawAnswer } from './admin-transport.ts';

/** The largest answer that is read, in bytes: ten thousand connections are some two megabytes. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

/** Asks over the unix socket or TCP of a running daemon. */
export class HttpAdminTransport implements AdminTransport {
  readonly #at: AdminAddress;
  readonly #token: string | undefined;

  constructor(at: AdminAddress, options: { readonly token: string | undefined }) {
    this.#at = at;
    this.#token = options.token;
  }

  async ask(
    method: 'GET' | 'POST',
    path: string,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<RawAnswer> {
    const answer = await this.#send(method, path, signal);
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > ANSWER_BYTES_MAX) throw new Error(`the answer is longer than ${ANSWER_BYTES_MAX} bytes`);
      chunks.push(chunk);
    }
    return { status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') };
  }

  async *changes({ signal }: { readonly signal: AbortSignal }): AsyncIterable<number> {
    const answer = await this.#send('GET', '/v1/stream', signal);
    let count = 0;
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      if (chunk.length === 0) continue;
      count += 1;
      yield count;
    }
  }

  async #send(method: string, path: string, signal: AbortSignal): Promise<IncomingMessage> {
    const at = this.#at;
    const place = at.kind === 'socket' ? { socketPath: at.path } : { host: at.host, port: at.port };
    const headers = {
      host: 'localhost',
      ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
    };
    return new Promise((resolve, reject) => {
      const asking = request({ ...place, method, path, headers, signal, agent: false }, resolve);
      asking.once('error', reject);
      asking.end();
    });
  }
}

/** Whether there is anything at a path, so that it is worth asking. */
export function isThere(path: string): boolean {
  return existsSync(path);
}
