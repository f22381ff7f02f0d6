import { PLAIN_ETCD } from './etcd.ts';
import type { EtcdSettings } from './etcd.ts';

/** Without TLS, with the v2 API, which etcd 3.4 serves only when told to. */
export const V2_ETCD: EtcdSettings = { ...PLAIN_ETCD, serverArguments: ['--enable-v2'] };

/** The user that may do all; its password is its name. */
const ROOT = 'root';

/** Writes that are made at once, so that a thousand take a second. */
const WRITES_AT_ONCE = 50;

/** Events that etcd v2 keeps. */
const HISTORY = 1_000;

/** What a registrar and an operator do with etcd over its v2 API. */
export class Etcd2Keys {
  private readonly origin: string;
  private authorization: Readonly<Record<string, string>> = {};

  /** @param at - a server that speaks plainly */
  constructor(at: { readonly address: string; readonly port: number }) {
    this.origin = `http://${at.address}:${at.port}`;
  }

  /** Sets a key; `options` are those of the API, such as `ttl`, `prevExist` and `prevValue`. */
  async put(key: string, value: string, options: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.send('PUT', `/v2/keys${key}`, new URLSearchParams({ value, ...options }));
  }

  async makeDirectory(key: string, options: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.send('PUT', `/v2/keys${key}`, new URLSearchParams({ dir: 'true', ...options }));
  }

  /** Removes a key or a directory; what is not there is no error. */
  async remove(key: string, query = 'recursive=true'): Promise<void> {
    await this.send('DELETE', `/v2/keys${key}?${query}`, undefined, [404]);
  }

  /** Has so much happen elsewhere that nothing of before is kept. */
  async outrun(): Promise<void> {
    for (let left = HISTORY + 1; left > 0; left -= WRITES_AT_ONCE) {
      await Promise.all(
        Array.from({ length: WRITES_AT_ONCE }, (_, n) => this.put(`/elsewhere/${n}`, String(left))),
      );
    }
  }

  /** Has a user that may read below a path, and refuses everybody else. */
  async forbid(options: {
    readonly user: string;
    readonly password: string;
    readonly path: string;
  }): Promise<void> {
    const { user, password, path } = options;
    await this.put('/elsewhere/before', '1');
    await this.json('PUT', '/v2/auth/users/root', { user: ROOT, password: ROOT });
    const permissions = { kv: { read: [`${path}/*`], write: [] } };
    await this.json('PUT', '/v2/auth/roles/reader', { role: 'reader', permissions });
    await this.json('PUT', `/v2/auth/users/${user}`, { user, password, roles: ['reader'] });
    await this.json('PUT', '/v2/auth/enable');
    this.authorization = { authorization: `Basic ${btoa(`${ROOT}:${ROOT}`)}` };
    const revoke = { kv: { read: ['/*'], write: ['/*'] } };
    await this.json('PUT', '/v2/auth/roles/guest', { role: 'guest', revoke });
  }

  /** Undoes `forbid`; a no-op without it. */
  async permit(): Promise<void> {
    if (this.authorization['authorization'] === undefined) return;
    await this.json('DELETE', '/v2/auth/enable');
    this.authorization = {};
    for (const path of ['users/root', 'users/embassy', 'roles/reader', 'roles/guest']) {
      await this.send('DELETE', `/v2/auth/${path}`, undefined, [403, 404]);
    }
  }

  private async json(method: string, path: string, body?: unknown): Promise<void> {
    await this.send(method, path, body === undefined ? undefined : JSON.stringify(body));
  }

  private async send(
    method: string,
    path: string,
    body: URLSearchParams | string | undefined,
    allowed: readonly number[] = [],
  ): Promise<void> {
    const type = typeof body === 'string' ? { 'content-type': 'application/json' } : {};
    const response = await fetch(`${this.origin}${path}`, {
      method,
      headers: { ...this.authorization, ...type },
      ...(body !== undefined && { body }),
    });
    const text = await response.text();
    if (!response.ok && !allowed.includes(response.status)) {
      throw new Error(`${method} ${path}: ${response.status} ${text}`);
    }
  }
}
