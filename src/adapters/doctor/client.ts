import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { parseHttpDate } from './parse-http-date.ts';
import type { KernelSetting } from '../../ports/host-sources.ts';

/** Where a server is, and what its certificate is checked with. */
export interface HttpServer {
  readonly host: string;
  readonly port: number;
  /** Undefined for a server without TLS. `ca`: a PEM file; the system's authorities without one. */
  readonly tls: { readonly ca: string | undefined } | undefined;
}

/**
 * Asks a server for nothing but its time, by the `Date` of whatever it answers. No credential is sent.
 *
 * @returns Milliseconds since 1970 UTC, a whole second; undefined where it does not answer or tells none.
 *
 * Never rejects, also when aborted.
 */
export async function readHttpDate(
  server: HttpServer,
  { signal }: { readonly signal: AbortSignal },
): Promise<number | undefined> {
  const { host, port, tls } = server;
  return new Promise((resolve) => {
    const none = (): void => {
      resolve(undefined);
    };
    try {
      const ca = tls?.ca === undefined ? {} : { ca: readFileSync(tls.ca) };
      const options = { host, port, method: 'HEAD', path: '/', agent: false, signal, ...ca } as const;
      const request = tls === undefined ? httpRequest(options) : httpsRequest(options);
      request.on('response', (response) => {
        resolve(parseHttpDate(response.headers.date ?? ''));
        response.destroy();
      });
      request.on('error', none);
      request.end();
    } catch {
      // A certificate file that cannot be read is said by the discovery itself.
      none();
    }
  });
}

/** Reads a setting of the kernel; undefined where there is none, or it may not be read. */
export async function readKernelSetting(name: KernelSetting): Promise<string | undefined> {
  try {
    return await readFile(`/proc/sys/${name}`, 'utf8');
  } catch {
    return undefined;
  }
}
