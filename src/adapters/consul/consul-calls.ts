import { withTimeLimit } from '../../ports/time-limit.ts';
import { ConsulError } from './consul-client.ts';
import { Slots } from '../../ports/slots.ts';
import type { Clock } from '../../ports/clock.ts';
import type { ConsulAnswer, ConsulClient, ConsulRequest } from './consul-client.ts';

/**
 * The longest a read may take, in milliseconds. Consul itself holds one for 7 s while there is no leader.
 *
 * @see Consul, agent configuration, performance.rpc_hold_timeout.
 */
const READ_LIMIT_MS = 8_000;

/** What a blocking query may take beyond what Consul itself allows it, in milliseconds. */
const BLOCKING_MARGIN_MS = 5_000;

/** Consul adds up to a sixteenth to the wait, so that many don't return in step. */
const WAIT_JITTER = 1 / 16;

/** Reads at a time; more wait their turn. Each is a socket beside those of the blocking queries. */
export const READS_MAX = 16;

/** An answer and who gave it, `host:port`. */
export interface ConsulReply extends ConsulAnswer {
  readonly server: string;
}

/** What a call stands on. */
export interface ConsulCallsDependencies {
  readonly client: ConsulClient;
  readonly clock: Clock;
}

/**
 * Asks the servers of a cluster: one at a time, the next one after a failure, each call with a time limit.
 */
export class ConsulCalls {
  readonly #client: ConsulClient;
  readonly #clock: Clock;
  readonly #reads = new Slots(READS_MAX);
  #current = 0;

  constructor(dependencies: ConsulCallsDependencies) {
    this.#client = dependencies.client;
    this.#clock = dependencies.clock;
  }

  /**
   * Asks a question that is answered at once; of every server, as long as one is unavailable.
   *
   * @param signal - Gives up: rejects with `signal.reason`.
   * @throws {ConsulError} What the last server asked said.
   */
  async read(request: ConsulRequest, options: { readonly signal: AbortSignal }): Promise<ConsulReply> {
    const release = await this.#reads.take(options);
    try {
      for (let asked = 1; ; asked += 1) {
        try {
          return await this.#ask(request, { limitMs: READ_LIMIT_MS, ...options });
        } catch (error) {
          options.signal.throwIfAborted();
          const isAway = error instanceof ConsulError && error.code === 'unavailable';
          if (!isAway || asked >= this.#client.servers.length) throw error;
        }
      }
    } finally {
      release();
    }
  }

  /**
   * Asks a blocking query of one server. The caller bounds how many there are. Signal as `read`.
   *
   * @throws {ConsulError} As the client; `unavailable` when it took longer than Consul allows itself.
   */
  async block(
    request: ConsulRequest & { readonly position: { readonly waitS: number } },
    options: { readonly signal: AbortSignal },
  ): Promise<ConsulReply> {
    const waitMs = request.position.waitS * 1_000;
    const limitMs = waitMs * (1 + WAIT_JITTER) + BLOCKING_MARGIN_MS;
    return this.#ask(request, { limitMs, ...options });
  }

  async #ask(
    request: ConsulRequest,
    options: { readonly limitMs: number; readonly signal: AbortSignal },
  ): Promise<ConsulReply> {
    const server = this.#current;
    const name = this.#client.servers[server] ?? '';
    const timeout = (): ConsulError => {
      const message = `Consul at ${name} gave no answer within ${options.limitMs / 1_000} s`;
      return new ConsulError('unavailable', message);
    };
    try {
      const answer = await withTimeLimit(this.#clock, { ...options, timeout }, (signal) => {
        return this.#client.ask(request, { server, signal });
      });
      return { ...answer, server: name };
    } catch (error) {
      const isAway = error instanceof ConsulError && error.code === 'unavailable';
      // Another call may have moved on already.
      if (isAway && this.#current === server) this.#current = (server + 1) % this.#client.servers.length;
      throw error;
    }
  }
}
