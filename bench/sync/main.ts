import { execFileSync } from 'node:child_process';
import { KernelFlows } from '../../src/adapters/netlink/kernel-flows.ts';
import { KernelRuleHandles } from '../../src/adapters/netlink/kernel-rule-handles.ts';
import { nftablesClient } from '../../src/adapters/nftables/client.ts';
import { NftablesProxier } from '../../src/adapters/nftables/nftables-proxier.ts';
import { NodeClock } from '../../src/adapters/node/node-clock.ts';
import { RoutingTable } from '../../src/domain/routing-table.ts';
import { MemoryLog } from '../../sim/log.ts';
import { percentile } from '../statistics.ts';
import { binding, poolOf } from '../../test/support/bindings.ts';
import { address, endpoint } from '../../test/support/endpoints.ts';
import { NOTHING_PUBLISHED } from '../../src/domain/published-port.ts';
import { netfilterIn } from '../../test/support/netfilter-in.ts';
import type { BindingId } from '../../src/domain/binding.ts';
import type { Route } from '../../src/domain/route.ts';

/** Numbers of services, the endpoints each has, and how many changes are timed. */
const SIZES = [10, 1_000, 5_000];
const ENDPOINTS = 10;
const CHANGES = 100;

const NAMESPACE = `embassy-bench-${process.pid}`;
const FIRST_PORT = 10_000;

/** Times how long the kernel takes to hold a table, and a change of one service in it. */
async function measure(services: number): Promise<string> {
  const prefix = ['ip', 'netns', 'exec', NAMESPACE];
  const host = { isLocal: () => false, interfaceTowards: () => undefined };
  await using proxier = new NftablesProxier(
    {
      client: nftablesClient({ prefix }),
      flows: new KernelFlows(netfilterIn(NAMESPACE)),
      clock: new NodeClock(),
      log: new MemoryLog(),
      host: () => host,
      published: () => NOTHING_PUBLISHED,
      handles: new KernelRuleHandles(netfilterIn(NAMESPACE)),
    },
    {
      virtualIps: [address('172.17.0.1')],
      interfaces: () => ['docker0'],
      endpointDrainMs: 3_600_000,
      keepsRules: () => false,
      countsBytes: false,
    },
  );
  const routes = new Map<BindingId, Route>();
  for (let n = 0; n < services; n += 1) {
    const bound = binding('172.17.0.2', `/s${n};${FIRST_PORT + n}`);
    routes.set(bound.id, { binding: bound, pool: poolOf(`/s${n};80`, endpointsFrom(0)) });
  }
  const coldFromMs = performance.now();
  await proxier.sync(new RoutingTable(1, routes));
  const coldMs = performance.now() - coldFromMs;
  const changeMs: number[] = [];
  const ids = [...routes.keys()];
  for (let change = 0; change < CHANGES; change += 1) {
    const id = ids[change % ids.length];
    const old = id && routes.get(id);
    if (id === undefined || !old) break;
    const { service } = old.binding.descriptor;
    const next = new Map(routes).set(id, {
      ...old,
      pool: poolOf(`${service};80`, endpointsFrom(change + 1)),
    });
    const fromMs = performance.now();
    await proxier.sync(new RoutingTable(change + 2, next));
    changeMs.push(performance.now() - fromMs);
  }
  const at = (part: number): string => percentile(changeMs, part).toFixed(0);
  return `| ${services} | ${coldMs.toFixed(0)} | ${at(0.5)} | ${at(0.99)} |`;
}

function endpointsFrom(first: number): ReturnType<typeof endpoint>[] {
  return Array.from({ length: ENDPOINTS }, (_, n) => endpoint(first + n));
}

execFileSync('ip', ['netns', 'add', NAMESPACE]);
try {
  const lines = [
    '| services of 10 endpoints | cold load, ms | a change, median ms | p99 ms |',
    '| ---: | ---: | ---: | ---: |',
  ];
  for (const services of SIZES) lines.push(await measure(services));
  process.stdout.write(`${lines.join('\n')}\n`);
} finally {
  execFileSync('ip', ['netns', 'delete', NAMESPACE]);
}
