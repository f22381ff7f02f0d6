import { endpointKey } from '../../domain/endpoint.ts';
import { FlowCutError } from '../../ports/flow-cutter.ts';
import { placeIn } from './kernel-routes.ts';
import type { BindingId } from '../../domain/binding.ts';
import type { Endpoint } from '../../domain/endpoint.ts';
import type { RoutingTable } from '../../domain/routing-table.ts';
import type { Clock } from '../../ports/clock.ts';
import type { FlowCutter, Flows } from '../../ports/flow-cutter.ts';
import type { Log } from '../../ports/log.ts';
import type { KernelRoute } from './kernel-routes.ts';

/** The most endpoints that drain at once; beyond it their connections are cut without a drain. */
const DRAINS_MAX = 10_000;

/**
 * Lets the flows to endpoints that were removed finish, and cuts what is left after a while [P25]. Those of
 * UDP are cut at once: they have no end of their own [P24].
 */
export class FlowDrain {
  readonly #clock: Clock;
  readonly #flows: FlowCutter;
  readonly #log: Log;
  readonly #drainMs: number;
  readonly #stop = new AbortController();
  /** Calls off each drain, by binding and endpoint. */
  readonly #drains = new Map<string, () => void>();
  #hasFailed = false;

  constructor(
    dependencies: { readonly clock: Clock; readonly flows: FlowCutter; readonly log: Log },
    options: { readonly drainMs: number },
  ) {
    this.#clock = dependencies.clock;
    this.#flows = dependencies.flows;
    this.#log = dependencies.log;
    this.#drainMs = options.drainMs;
  }

  /** Begins and calls off drains, by what each route had before and what its pool has now. */
  sync(before: ReadonlyMap<BindingId, KernelRoute>, table: RoutingTable): void {
    for (const [id, route] of before) {
      const pool = table.routes.get(id)?.pool;
      if (pool === undefined || pool.state === 'unknown') continue;
      if (pool.endpoints === route.pool.endpoints) continue;
      const now = new Set(pool.endpoints.map(endpointKey));
      for (const endpoint of route.pool.endpoints) {
        if (!now.has(endpointKey(endpoint))) this.#begin(id, route, endpoint);
      }
      for (const key of now) {
        this.#drains.get(`${id} ${key}`)?.();
        this.#drains.delete(`${id} ${key}`);
      }
    }
  }

  /** Cuts flows now; says once where that cannot be done. */
  async cut(flows: Flows): Promise<void> {
    const { signal } = this.#stop;
    if (signal.aborted) return;
    try {
      await this.#flows.cut(flows, { signal });
    } catch (error) {
      if (!(error instanceof FlowCutError)) throw error;
      if (!this.#hasFailed) this.#log.warn(error.message);
      this.#hasFailed = true;
    }
  }

  /** Calls every drain off. */
  close(): void {
    this.#stop.abort(new Error('the proxier is closed'));
    for (const cancel of this.#drains.values()) cancel();
    this.#drains.clear();
  }

  #begin(id: BindingId, route: KernelRoute, endpoint: Endpoint): void {
    const { binding, virtualIp } = route;
    const { address, port } = placeIn(route, endpoint);
    const key = `${id} ${endpointKey(endpoint)}`;
    if (this.#drains.has(key)) return;
    const flows: Flows = {
      protocol: binding.protocol,
      source: binding.address,
      destination: { address: virtualIp, port: binding.port },
      endpoint: { address, port },
    };
    const isAtOnce = binding.protocol === 'udp' || this.#drains.size >= DRAINS_MAX;
    const cancel = this.#clock.schedule(isAtOnce ? 0 : this.#drainMs, () => {
      this.#drains.delete(key);
      void this.cut(flows);
    });
    this.#drains.set(key, cancel);
  }
}
