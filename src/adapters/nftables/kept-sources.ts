import { NO_ENDPOINT, NOTHING_KNOWN } from './kernel-routes.ts';
import type { BindingId } from '../../domain/binding.ts';
import type { Route } from '../../domain/route.ts';
import type { RoutingTable } from '../../domain/routing-table.ts';
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

  /** @param why - As {@link whyHidden}. */
  report(table: RoutingTable, why: (route: Route) => string | undefined): void {
    const told = new Map<BindingId, string>();
    for (const [id, route] of table.routes) {
      const reason = why(route);
      if (reason === undefined) continue;
      told.set(id, reason);
      if (this.#told.get(id) === reason) continue;
      this.#log.warn(`${route.binding.place}: endpoints do not see the consumer's own address: ${reason}`);
    }
    this.#told = told;
  }
}

/**
 * Why endpoints do not see the consumer's own address, though its descriptor asks for that.
 *
 * @param chosen - How the kernel carries the route, or why it does not; undefined where it was not asked yet.
 * @returns Undefined where they do, where nobody asked for it, and where nothing is carried.
 *
 * Pure.
 */
export function whyHidden({ binding }: Route, chosen: KernelRoute | string | undefined): string | undefined {
  if (chosen === undefined || binding.descriptor.source !== 'keep') return undefined;
  if (chosen === NOTHING_KNOWN || chosen === NO_ENDPOINT) return undefined;
  if (typeof chosen === 'string') return `userspace carries the binding (${chosen})`;
  return chosen.hidesFrom;
}
