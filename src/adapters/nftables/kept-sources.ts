import { NO_ENDPOINT, NOTHING_KNOWN } from './kernel-routes.ts';
import type { Binding, BindingId } from '../../domain/binding.ts';
import type { Log } from '../../ports/log.ts';
import type { KernelRoute } from './kernel-routes.ts';

/**
 * Says of each binding that asks for `source=keep` why its endpoints do not see the consumer's own address,
 * where they do not: once for as long as the reason is the same.
 */
export class KeptSources {
  readonly #log: Log;
  #told: ReadonlyMap<BindingId, string> = new Map();

  constructor(log: Log) {
    this.#log = log;
  }

  /** @param routes - All that ask for it, each with how the kernel carries it or why it does not. */
  report(routes: Iterable<readonly [Binding, KernelRoute | string]>): void {
    const told = new Map<BindingId, string>();
    for (const [binding, chosen] of routes) {
      const reason = whyHidden(chosen);
      if (reason === undefined) continue;
      told.set(binding.id, reason);
      if (this.#told.get(binding.id) === reason) continue;
      this.#log.warn(`${binding.place}: endpoints do not see the consumer's own address: ${reason}`);
    }
    this.#told = told;
  }
}

/** Nothing is hidden where nothing is carried. */
function whyHidden(chosen: KernelRoute | string): string | undefined {
  if (chosen === NOTHING_KNOWN || chosen === NO_ENDPOINT) return undefined;
  if (typeof chosen === 'string') return `userspace carries the binding (${chosen})`;
  const { neighbour, across } = chosen;
  return neighbour === undefined ? across : `endpoint ${neighbour} is behind the bridge of its consumer`;
}
