import { failure } from './etcd-store.ts';
import type { Clock } from '../../src/ports/clock.ts';

/** What a user may read. */
interface User {
  readonly password: string;
  /** Every key that begins with one of these. */
  readonly prefixes: readonly string[];
}

/** The users of a simulated etcd and their tokens, as etcd's simple tokens: a use makes one live on. */
export class EtcdUsers {
  /** Whether members take the name in a client certificate for the user's where there is no token. */
  trustsCertificates = false;
  readonly #clock: Clock;
  readonly #ttlMs: number;
  readonly #users = new Map<string, User>();
  /** By token: whose it is, and when it ends. */
  readonly #tokens = new Map<string, { readonly name: string; readonly endsAtMs: number }>();
  #isOn = false;
  #issued = 0;

  constructor(dependencies: { readonly clock: Clock }, options: { readonly ttlMs?: number } = {}) {
    this.#clock = dependencies.clock;
    this.#ttlMs = options.ttlMs ?? 300_000;
  }

  /** The count of tokens that were given out. */
  get issued(): number {
    return this.#issued;
  }

  /** Adds a user or replaces one, whose tokens end. */
  set(name: string, user: User): void {
    this.#users.set(name, user);
    for (const [token, entry] of this.#tokens) if (entry.name === name) this.#tokens.delete(token);
  }

  /** Switches authentication on or off. */
  switch(isOn: boolean): void {
    this.#isOn = isOn;
  }

  /** Ends every token, as restarted members do. */
  expire(): void {
    this.#tokens.clear();
  }

  /** Gives a token. Throws as etcd refuses. */
  authenticate(name: string, password: string): string {
    if (!this.#isOn)
      throw failure('GRPCFailedPreconditionError', 'etcdserver: authentication is not enabled');
    if (this.#users.get(name)?.password !== password) {
      const text = 'etcdserver: authentication failed, invalid user ID or password';
      throw failure('EtcdAuthenticationFailedError', text);
    }
    this.#issued += 1;
    const token = `token-${this.#issued}`;
    this.#tokens.set(token, { name, endsAtMs: this.#clock.monotonicMs() + this.#ttlMs });
    return token;
  }

  /** Checks a right to read. Throws as etcd refuses. */
  check(token: string | undefined, prefix: string): void {
    if (!this.#isOn) return;
    if (token === undefined && this.trustsCertificates) {
      throw failure('EtcdPermissionDeniedError', 'etcdserver: permission denied');
    }
    if (token === undefined) throw failure('GRPCInvalidArgumentError', 'etcdserver: user name is empty');
    const entry = this.#tokens.get(token);
    if (entry === undefined || entry.endsAtMs <= this.#clock.monotonicMs()) {
      throw failure('EtcdInvalidAuthTokenError', 'etcdserver: invalid auth token');
    }
    this.#tokens.set(token, { name: entry.name, endsAtMs: this.#clock.monotonicMs() + this.#ttlMs });
    const prefixes = this.#users.get(entry.name)?.prefixes ?? [];
    if (!prefixes.some((granted) => prefix.startsWith(granted))) {
      throw failure('EtcdPermissionDeniedError', 'etcdserver: permission denied');
    }
  }
}
