/**
 * A bounded number of places, taken and given back. Those who wait are served in the order they came; whoever
 * bounds their number bounds the queue.
 */
export class Slots {
  readonly #queue = new Set<() => void>();
  #free: number;

  /** @param count - How many may be taken at a time, ≥ 0. */
  constructor(count: number) {
    this.#free = count;
  }

  /** Takes a place if one is free. The answer gives it back; repeated, that is a no-op. */
  tryTake(): (() => void) | undefined {
    if (this.#free === 0) return undefined;
    this.#free -= 1;
    let isTaken = true;
    return () => {
      if (!isTaken) return;
      isTaken = false;
      this.#free += 1;
      for (const wake of this.#queue) {
        this.#queue.delete(wake);
        wake();
        break;
      }
    };
  }

  /** Waits for a place. An abort rejects with `signal.reason`. */
  async take({ signal }: { readonly signal: AbortSignal }): Promise<() => void> {
    signal.throwIfAborted();
    for (;;) {
      const release = this.tryTake();
      if (release !== undefined) return release;
      await this.#wait(signal);
    }
  }

  async #wait(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const wake = (): void => {
      resolve(undefined);
    };
    const abort = (): void => {
      this.#queue.delete(wake);
      reject(signal.reason as Error);
    };
    this.#queue.add(wake);
    signal.addEventListener('abort', abort, { once: true });
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }
}
