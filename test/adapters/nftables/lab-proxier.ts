import { KernelFlows } from '../../../src/adapters/netlink/kernel-flows.ts';
import { KernelRuleHandles } from '../../../src/adapters/netlink/kernel-rule-handles.ts';
import { nftablesClient } from '../../../src/adapters/nftables/client.ts';
import { NftablesProxier } from '../../../src/adapters/nftables/nftables-proxier.ts';
import { NOTHING_PUBLISHED } from '../../../src/domain/published-port.ts';
import { RoutingTable } from '../../../src/domain/routing-table.ts';
import { address } from '../../support/endpoints.ts';
import { HOST, VIRTUAL_IP, VIRTUAL_IP6 } from './rules-bench.ts';
import { netfilterIn } from '../../support/netfilter-in.ts';
import type { Binding } from '../../../src/domain/binding.ts';
import type { PoolSnapshot, Route } from '../../../src/domain/route.ts';
import type { BridgePassage } from '../../../src/ports/bridge-passage.ts';
import type { Clock } from '../../../src/ports/clock.ts';
import type { Log } from '../../../src/ports/log.ts';
import type { KernelLab } from '../../support/kernel-lab.ts';

/** What a proxier is given. */
export interface LabProxierOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly passage?: BridgePassage;
  readonly keepsRules?: boolean;
}

/** A proxier of the kernel of a lab, for consumers of both its bridges. */
export function labProxier(lab: KernelLab, options: LabProxierOptions): NftablesProxier {
  const { clock, log, passage, keepsRules = false } = options;
  const { prefix } = lab;
  const netfilter = netfilterIn(lab.host);
  const [client, flows] = [nftablesClient({ prefix }), new KernelFlows(netfilter)];
  return new NftablesProxier(
    {
      ...{ client, flows, clock, log, passage },
      host: () => HOST,
      published: () => NOTHING_PUBLISHED,
      handles: new KernelRuleHandles(netfilter),
    },
    {
      virtualIps: [address(VIRTUAL_IP), address(VIRTUAL_IP6)],
      interfaces: () => ['br-other', 'docker0'],
      endpointDrainMs: 60_000,
      keepsRules: () => keepsRules,
      countsBytes: false,
    },
  );
}

/** A table of bindings, each with what its pool published. */
export function routesOf(bound: readonly (readonly [Binding, PoolSnapshot])[]): RoutingTable {
  const routes = bound.map(([binding, pool]): Route => ({ binding, pool }));
  return new RoutingTable(1, new Map(routes.map((route) => [route.binding.id, route])));
}
