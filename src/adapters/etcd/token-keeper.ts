import { withTimeLimit } from '../../ports/time-limit.ts';
import { EtcdWireError } from './etcd-wire.ts';
import { readPassword } from './read-tls.ts';
import type { Clock } from '../../ports/clock.ts';
import type { EtcdConnection, EtcdTransport } from './etcd-wire.ts';

/** How long etcd may take to check a password, in milliseconds; it makes that slow on purpose (bcrypt). */
const AUTHENTICATE_LIMIT_MS = 4_000;

/**
 * How long a rejected password is not tried again, in milliseconds, whoever asks: a thousand services that
 * retry must not occupy etcd with checking it.
 */
const REJECTED_MS = 3_000;

/** Who embassy is to etcd. */
export interface EtcdCredentials {
  readonly user: string;
  /** The password is its first line. Read again for each token, so that it may be replaced. */
  readonly passwordFile: string;
}

/**
 * Keeps the token of one connection: gets it with the first call, again when etcd no longer takes it, once
 * for all who wait.
 */
export class TokenKeeper {
  readonly #clock: Clock;
  readonly #transport: Pick<EtcdTransport, 'readFile'>;
  readonly #connection: EtcdConnection;
  readonly #credentials: EtcdCredentials | undefined;
  readonly #signal: AbortSignal;
  #held: Promise<string | undefined> | undefined;
  /** The end of the time in which a rejection is told to everybody; undefined when none stands. */
  #rejectedUntilMs: number | undefined;

  /** @param options - `signal`: the end of the connection. */
  constructor(
    dependencies: {
      readonly clock: Clock;
      readonly transport: Pick<EtcdTransport, 'readFile'>;
      readonly connection: EtcdConnection;
    },
    options: { readonly credentials: EtcdCredentials | undefined; readonly signal: AbortSignal },
  ) {
    this.#clock = dependencies.clock;
    this.#transport = dependencies.transport;
    this.#connection = dependencies.connection;
    this.#credentials = options.credentials;
    this.#signal = options.signal;
  }

  /**
   * @returns The token to send; undefined where there is no user, or etcd knows no users.
   * @throws {EtcdWireError} As `authenticate`, or `failed` when the password cannot be read.
   */
  async get(): Promise<string | undefined> {
    const credentials = this.#credentials;
    if (credentials === undefined) return undefined;
    if (this.#rejectedUntilMs !== undefined && this.#clock.monotonicMs() >= this.#rejectedUntilMs) {
      this.#rejectedUntilMs = undefined;
      this.#held = undefined;
    }
    this.#held ??= this.#authenticate(credentials);
    const held = this.#held;
    try {
      return await held;
    } catch (error) {
      // After any other failure the next call asks again.
      if (this.#held === held && this.#rejectedUntilMs === undefined) this.#held = undefined;
      throw error;
    }
  }

  /**
   * Forgets a token that etcd did not take, unless it was replaced meanwhile.
   *
   * @returns Whether another one may be had: not without a user.
   */
  async drop(token: string | undefined): Promise<boolean> {
    const held = this.#held;
    if (this.#credentials === undefined) return false;
    if (held === undefined) return true;
    const current = await held.catch(() => undefined);
    if (this.#held === held && current === token) this.#held = undefined;
    return true;
  }

  async #authenticate(credentials: EtcdCredentials): Promise<string | undefined> {
    const { user, passwordFile } = credentials;
    const limit = {
      limitMs: AUTHENTICATE_LIMIT_MS,
      timeout: () => new EtcdWireError('busy', 'no answer to a user and its password'),
      signal: this.#signal,
    };
    const password = await readPassword(this.#transport, passwordFile);
    try {
      return await withTimeLimit(this.#clock, limit, (signal) => {
        return this.#connection.authenticate({ name: user, password }, { token: undefined, signal });
      });
    } catch (error) {
      if (!(error instanceof EtcdWireError)) throw error;
      if (error.trouble === 'auth-off') return undefined;
      if (error.trouble === 'rejected') {
        this.#rejectedUntilMs = this.#clock.monotonicMs() + REJECTED_MS;
        const message = `it rejected the user '${user}' with the password of ${passwordFile}`;
        throw new EtcdWireError('rejected', message, { cause: error });
      }
      throw error;
    }
  }
}
