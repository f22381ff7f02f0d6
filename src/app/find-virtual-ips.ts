import { familyOf, isLinkLocal } from '../domain/address.ts';
import { BACKOFF_DEFAULT, backoffMs } from '../ports/backoff.ts';
import type { IpAddress } from '../domain/address.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Random } from '../ports/random.ts';

/** What the search works with. */
export interface VirtualIpDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** The interface of Docker's default bridge. Rejects while the engine cannot be asked. */
  bridgeName(options: { readonly signal: AbortSignal }): Promise<string>;
  /** The addresses an interface has now; empty when it does not exist. */
  addressesOf(interfaceName: string): readonly IpAddress[];
}

/** Thrown when the virtual IP cannot be found now and waiting was not wanted. */
export class VirtualIpUnknown extends Error {
  override readonly name = 'VirtualIpUnknown';
}

/**
 * Finds the default virtual IP [C3]: the address of the interface of Docker's default bridge, read from the
 * interface, because an old engine's answer does not name it. At most one of each family, IPv4 first.
 *
 * @param wait - Whether to wait, saying so once, while the engine is away or the bridge has no address.
 * @param signal - Ends the wait: rejects with `signal.reason`.
 * @throws {VirtualIpUnknown} There is none now and `wait` is false.
 */
export async function findVirtualIps(
  dependencies: VirtualIpDependencies,
  options: { readonly wait: boolean; readonly signal: AbortSignal },
): Promise<readonly IpAddress[]> {
  const { clock, random, log } = dependencies;
  const { signal } = options;
  for (let failures = 1; ; failures += 1) {
    const found = await lookOnce(dependencies, signal);
    if (typeof found !== 'string') return found;
    if (!options.wait) throw new VirtualIpUnknown(found);
    if (failures === 1) log.warn(`${found}; waiting for it`);
    await clock.sleep(backoffMs(failures, BACKOFF_DEFAULT, random), { signal });
  }
}

/** The addresses, or why there are none now. */
async function lookOnce(
  dependencies: VirtualIpDependencies,
  signal: AbortSignal,
): Promise<readonly IpAddress[] | string> {
  const hint = 'give another address with --virtual-ip';
  let name: string;
  try {
    name = await dependencies.bridgeName({ signal });
  } catch (error) {
    signal.throwIfAborted();
    const reason = error instanceof Error ? error.message : String(error);
    return `Docker's default bridge cannot be found: ${reason} (or ${hint})`;
  }
  const usable = dependencies.addressesOf(name).filter((address) => !isLinkLocal(address));
  const first = ([4, 6] as const).flatMap(
    (family) => usable.find((address) => familyOf(address) === family) ?? [],
  );
  return first.length > 0
    ? first
    : `interface ${name} of Docker's default bridge has no address (or ${hint})`;
}
