/**
 * A coalescing signal: any number of `set` calls before a `wait` are one wake. Outside events only mark work;
 * whoever waits does it, from the full state, at its own pace.
 */
export class Wakeup {
  #isSet = false;
  #resolve: (() => void) | undefined;

  /** Wakes the waiter, or lets the next wait pass at once. */
  set(): void {
    this.#isSet = true;
    this.#resolve?.();
  }

  /**
   * Waits until `set` was called since the last wait returned.
   *
   * @param signal - Rejects with `signal.reason` when aborted; a set mark stays for the next wait.
   *
   * One wait at a time.
   */
  async wait(options: { readonly signal: AbortSignal }): Promise<void> {
    const { signal } = options;
    signal.throwIfAborted();
    if (!this.#isSet) {
      await new Promise<void>((resolve, reject) => {
        const abort = (): void => {
          reject(signal.reason as Error);
        };
        signal.addEventListener('abort', abort, { once: true });
        this.#resolve = () => {
          signal.removeEventListener('abort', abort);
          resolve();
        };
      }).finally(() => {
        this.#resolve = undefined;
      });
    }
    this.#isSet = false;
  }
}
