/** The last host of a /24 that is handed out. */
const HOST_LAST = 254;

/** The first host handed out; .1 is the bridge itself. */
const HOST_FIRST = 2;

/**
 * The addresses of one simulated network. The lowest free one is handed out, and one that was given back is
 * free at once, as in Docker's own allocator: the hardest case for whoever keeps addresses.
 */
export class AddressPool {
  readonly #prefix: string;
  readonly #taken = new Set<number>();

  /** @param prefix - The first three parts, e.g. `172.17.0`. */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  get gateway(): string {
    return `${this.#prefix}.1`;
  }

  /** Hands out the lowest free address. Throws when none is left. */
  take(): string {
    for (let host = HOST_FIRST; host <= HOST_LAST; host += 1) {
      if (this.#taken.has(host)) continue;
      this.#taken.add(host);
      return `${this.#prefix}.${host}`;
    }
    throw new Error(`no address of ${this.#prefix}.0/24 is left`);
  }

  /** Takes an address back. */
  release(address: string): void {
    this.#taken.delete(Number(address.slice(this.#prefix.length + 1)));
  }
}
