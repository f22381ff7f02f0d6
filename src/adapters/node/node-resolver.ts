import { lookup } from 'node:dns/promises';
import { parseIpAddress } from '../../domain/address.ts';
import { ResolveError } from '../../ports/resolver.ts';
import { withTimeLimit } from '../../ports/time-limit.ts';
import type { HostName, IpAddress } from '../../domain/address.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Resolver } from '../../ports/resolver.ts';

/** How long one question may take; the system's own limit is 10 s and more. */
const RESOLVE_LIMIT_MS = 5_000;

const REASONS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'there is no such name',
  ENODATA: 'the name has no address',
  EAI_AGAIN: 'no name server answers',
  ETIMEOUT: 'no name server answers',
};

type Found = readonly { readonly address: string }[];

/**
 * Asks the system, as every program of this host does: the hosts file first, then its name servers.
 *
 * @see getaddrinfo(3). It occupies a thread of the pool while it waits, so the caller bounds how many ask at
 *   once.
 */
export class NodeResolver implements Resolver {
  readonly #clock: Clock;
  /** Questions under way: one given up goes on in the system, so a later one joins it and adds none. */
  readonly #asked = new Map<HostName, Promise<Found>>();

  constructor(dependencies: { readonly clock: Clock }) {
    this.#clock = dependencies.clock;
  }

  async resolve(name: HostName, options: { readonly signal: AbortSignal }): Promise<readonly IpAddress[]> {
    const limits = {
      ...options,
      limitMs: RESOLVE_LIMIT_MS,
      timeout: () => new ResolveError(`no answer within ${RESOLVE_LIMIT_MS / 1000} s`),
    };
    const found = await withTimeLimit(this.#clock, limits, async () => this.#ask(name));
    const addresses = found
      .map(({ address }) => parseIpAddress(address))
      .filter((address) => address !== undefined);
    if (addresses.length === 0) throw new ResolveError('the name has no address');
    return [...new Set(addresses)];
  }

  #ask(name: HostName): Promise<Found> {
    const asked = this.#asked.get(name) ?? ask(name).finally(() => this.#asked.delete(name));
    this.#asked.set(name, asked);
    return asked;
  }
}

async function ask(name: HostName): Promise<Found> {
  try {
    return await lookup(name, { all: true, order: 'verbatim' });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const reason = REASONS[code] ?? (error instanceof Error ? error.message : String(error));
    throw new ResolveError(reason, { cause: error });
  }
}
