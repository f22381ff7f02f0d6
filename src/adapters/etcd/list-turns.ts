import { EtcdError } from './etcd-client.ts';

/** Lists that are under way at a time; what waits longer than that would run into the limit of a call. */
const LISTS_MAX = 32;

/** A list that waits for its turn. */
interface Waiter {
  readonly begin: () => void;
  readonly fail: (error: Error) => void;
}

/**
 * Lets a store answer the lists of a thousand services without being late with each of them: when a
 * connection breaks, all of them list at once.
 */
export class ListTurns {
  readonly #waiters = new Set<Waiter>();
  #running = 0;

  /**
   * Makes a list when it is its turn.
   *
   * @param signal - Gives up waiting: rejects with its reason.
   * @throws {Error} What the list throws; or, while waiting, that the store did not answer another's: who
   *   could not reach it speaks for all who wait.
   */
  async run<T>(list: () => Promise<T>, { signal }: { readonly signal: AbortSignal }): Promise<T> {
    signal.throwIfAborted();
    if (this.#running >= LISTS_MAX) await this.#wait(signal);
    else this.#running += 1;
    try {
      return await list();
    } catch (error) {
      if (error instanceof EtcdError && error.code === 'unavailable') this.#failAll(error);
      throw error;
    } finally {
      this.#pass();
    }
  }

  /** Waits; the turn is then handed over by who had it. */
  async #wait(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const abort = (): void => {
      this.#waiters.delete(waiter);
      reject(signal.reason as Error);
    };
    const waiter: Waiter = {
      begin: () => {
        resolve(undefined);
      },
      fail: reject,
    };
    this.#waiters.add(waiter);
    signal.addEventListener('abort', abort, { once: true });
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  #pass(): void {
    const [next] = this.#waiters;
    if (next === undefined) {
      this.#running -= 1;
      return;
    }
    this.#waiters.delete(next);
    next.begin();
  }

  #failAll(error: Error): void {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const waiter of waiters) waiter.fail(error);
  }
}
