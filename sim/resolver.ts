import { ResolveError } from '../src/ports/resolver.ts';
import type { HostName, IpAddress } from '../src/domain/address.ts';
import type { Resolver } from '../src/ports/resolver.ts';

/** A resolver whose names are set by hand; a name of which nothing was said there is not. */
export class SimResolver implements Resolver {
  readonly #names = new Map<string, readonly IpAddress[]>();
  #asked = 0;

  /** How many questions were asked. */
  get asked(): number {
    return this.#asked;
  }

  /** Gives a name its addresses; none takes it away. */
  set(name: string, addresses: readonly IpAddress[]): void {
    this.#names.set(name, addresses);
  }

  async resolve(name: HostName, { signal }: { readonly signal: AbortSignal }): Promise<readonly IpAddress[]> {
    signal.throwIfAborted();
    this.#asked += 1;
    const addresses = this.#names.get(name) ?? [];
    if (addresses.length === 0) throw new ResolveError('there is no such name');
    return addresses;
  }
}
