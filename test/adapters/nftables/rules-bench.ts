import assert from 'node:assert/strict';
import { MemoryLog } from '../../../sim/log.ts';
import { NftablesProxier } from '../../../src/adapters/nftables/nftables-proxier.ts';
import { parseSocketAddress } from '../../../src/domain/address.ts';
import { endpointId } from '../../../src/domain/endpoint.ts';
import { RoutingTable } from '../../../src/domain/routing-table.ts';
import { poolBench } from '../../app/pool-bench.ts';
import { address } from '../../support/endpoints.ts';
import { NftHost } from '../../support/nft-host.ts';
import { NOTHING_PUBLISHED } from '../../../src/domain/published-port.ts';
import type { NftablesClient } from '../../../src/adapters/nftables/nftables-client.ts';
import type { Binding } from '../../../src/domain/binding.ts';
import type { Endpoint } from '../../../src/domain/endpoint.ts';
import type { PoolSnapshot, Route } from '../../../src/domain/route.ts';
import type { BridgePassage } from '../../../src/ports/bridge-passage.ts';
import type { TrackedFlows } from '../../../src/ports/tracked-flows.ts';
import type { HostNetwork } from '../../../src/ports/host-network.ts';

/** What consumers of `docker0` dial, as in `KernelLab`. */
export const VIRTUAL_IP = '172.30.0.1';
export const VIRTUAL_IP6 = 'fd30::1';

/** The host that has it, with `docker0` and another bridge. */
export const HOST: HostNetwork = {
  isLocal: (at) => at === VIRTUAL_IP || at === VIRTUAL_IP6,
  interfaceTowards: (at) => {
    if (/^172\.31\.0\.|^fd32:/.test(at)) return 'br-other';
    return /^172\.30\.0\.|^fd30:/.test(at) ? 'docker0' : undefined;
  },
};

/** An endpoint for tests, e.g. at `10.30.0.1:80`. */
export function endpointAt(text: string, rest: Partial<Endpoint> = {}): Endpoint {
  const at = parseSocketAddress(text);
  assert(at !== undefined, text);
  return { id: endpointId(text), ...at, weight: 1, tags: undefined, ...rest };
}

/** What a pool publishes that was told of endpoints at these places; of nothing yet without any list. */
export function told(descriptor: string, endpoints?: readonly string[]): PoolSnapshot {
  const { pool } = poolBench(descriptor);
  if (endpoints !== undefined) pool.update(endpoints.map((at) => endpointAt(at)));
  return pool.snapshot;
}

/** The rules of a real proxier in a simulated kernel, with packets that meet them. */
export class RulesBench extends NftHost {
  readonly log = new MemoryLog();
  proxier: NftablesProxier;
  /** How often all flows were read. */
  readings = 0;
  /** Why they cannot be. */
  flowsFail: Error | undefined;
  #version = 0;

  constructor(options: BenchOptions = {}) {
    super();
    this.proxier = this.make(options);
  }

  /** Another proxier over the same kernel, as after a restart; with another client if one is given. */
  make({
    passage,
    keepsRules = false,
    countsBytes = false,
    client = this.nft,
  }: BenchOptions): NftablesProxier {
    const { connections } = this.tracer;
    const flows: TrackedFlows = {
      list: async (wish) => {
        this.readings += 1;
        if (this.flowsFail !== undefined) throw this.flowsFail;
        return connections.list(wish);
      },
      cut: async (some) => connections.cut(some),
    };
    return new NftablesProxier(
      {
        client,
        clock: this.clock,
        flows,
        log: this.log,
        host: () => HOST,
        published: () => NOTHING_PUBLISHED,
        handles: this.nft,
        passage,
      },
      {
        virtualIps: [address(VIRTUAL_IP), address(VIRTUAL_IP6)],
        interfaces: () => (passage === undefined ? ['docker0'] : ['br-other', 'docker0']),
        endpointDrainMs: 60_000,
        keepsRules: () => keepsRules,
        countsBytes,
      },
    );
  }

  async sync(...routes: readonly (readonly [Binding, PoolSnapshot])[]): Promise<void> {
    this.#version += 1;
    const made = routes.map(([binding, pool]): [Binding['id'], Route] => [binding.id, { binding, pool }]);
    await this.proxier.sync(new RoutingTable(this.#version, new Map(made)));
  }
}

/** How a bench is made. */
export interface BenchOptions {
  readonly keepsRules?: boolean;
  readonly countsBytes?: boolean;
  readonly client?: Pick<NftablesClient, 'apply' | 'list'>;
  /** Where one is, traffic of both bridges is captured. */
  readonly passage?: BridgePassage;
}
