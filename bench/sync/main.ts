import { KernelFlows } from '../../src/adapters/netlink/kernel-flows.ts';
import { KernelRuleHandles } from '../../src/adapters/netlink/kernel-rule-handles.ts';
import { nftablesClient } from '../../src/adapters/nftables/client.ts';
import { NftablesProxier } from '../../src/adapters/nftables/nftables-proxier.ts';
import { NodeClock } from '../../src/adapters/node/node-clock.ts';
import { RoutingTable } from '../../src/domain/routing-table.ts';
import { MemoryLog } from '../../sim/log.ts';
import { percentile } from '../statistics.ts';
import { binding, poolOf } from '../../test/support/bindings.ts';
import { address, endpoint, port } from '../../test/support/endpoints.ts';
import { KernelLab } from '../../test/support/kernel-lab.ts';
import { NOTHING_PUBLISHED } from '../../src/domain/published-port.ts';
import { netfilterIn } from '../../test/support/netfilter-in.ts';
import type { Binding, BindingId } from '../../src/domain/binding.ts';
import type { Endpoint } from '../../src/domain/endpoint.ts';
import type { Route } from '../../src/domain/route.ts';
import type { Agent } from '../../test/support/kernel-lab.ts';

/** Numbers of services, the endpoints each has, and how many changes are timed. */
const SIZES = [10, 1_000, 5_000];
const ENDPOINTS = 10;
const CHANGES = 100;

const CONSUMER = '172.30.0.2';
const FIRST_PORT = 10_000;

/** The service that a consumer really dials. */
const DIALLED: Binding = binding(CONSUMER, '/dialled;80');

const HOST = {
  isLocal: (at: string): boolean => at === '172.30.0.1',
  interfaceTowards: (at: string): string | undefined => (at.startsWith('172.30.0.') ? 'docker0' : undefined),
};

/**
 * Times how long the kernel takes to hold a table, a change of one service in it, and how long after such a
 * change a consumer's first connection reaches the new endpoint.
 */
async function measure(lab: KernelLab, consumer: Agent, services: number): Promise<string> {
  await using proxier = proxierOf(lab);
  const routes = new Map<BindingId, Route>([[DIALLED.id, toEndpoint(1)]]);
  for (let n = 1; n < services; n += 1) {
    const bound = binding(CONSUMER, `/s${n};${FIRST_PORT + n}`);
    routes.set(bound.id, { binding: bound, pool: poolOf(`/s${n};80`, endpointsFrom(0)) });
  }
  let version = 1;
  const coldMs = await timed(async () => proxier.sync(new RoutingTable(version, routes)));
  const [changeMs, firstMs]: [number[], number[]] = [[], []];
  for (let change = 0; change < CHANGES; change += 1) {
    const n = 1 + ((change + 1) % 2);
    const next = new RoutingTable((version += 1), new Map(routes).set(DIALLED.id, toEndpoint(n)));
    const fromMs = performance.now();
    const synced = timed(async () => proxier.sync(next));
    const [reached] = await Promise.all([firstAnswer(consumer, `e${n}`), synced]);
    firstMs.push(reached - fromMs);
    changeMs.push(await synced);
  }
  const columns = [changeMs, firstMs].flatMap((values) =>
    [0.5, 0.99].map((part) => percentile(values, part).toFixed(0)),
  );
  return `| ${services} | ${coldMs.toFixed(0)} | ${columns.join(' | ')} |`;
}

/** Dials again and again; gives when the connection began that an endpoint answered. */
async function firstAnswer(consumer: Agent, name: string): Promise<number> {
  for (;;) {
    const beganMs = performance.now();
    const [answer = ''] = await consumer.ask('172.30.0.1', 80);
    if (answer.startsWith(`${name} `)) return beganMs;
  }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const fromMs = performance.now();
  await work();
  return performance.now() - fromMs;
}

function proxierOf(lab: KernelLab): NftablesProxier {
  return new NftablesProxier(
    {
      client: nftablesClient({ prefix: lab.prefix }),
      flows: new KernelFlows(netfilterIn(lab.host)),
      clock: new NodeClock(),
      log: new MemoryLog(),
      host: () => HOST,
      published: () => NOTHING_PUBLISHED,
      handles: new KernelRuleHandles(netfilterIn(lab.host)),
    },
    {
      virtualIps: [address('172.30.0.1')],
      interfaces: () => ['docker0'],
      endpointDrainMs: 3_600_000,
      keepsRules: () => false,
      countsBytes: false,
    },
  );
}

/** The dialled service with the n-th endpoint of the lab alone. */
function toEndpoint(n: number): Route {
  const at: Partial<Endpoint> = { address: address(`10.30.0.${n}`), port: port(80) };
  return { binding: DIALLED, pool: poolOf('/dialled;80', [endpoint(n, at)]) };
}

function endpointsFrom(first: number): Endpoint[] {
  return Array.from({ length: ENDPOINTS }, (_, n) => endpoint(first + n));
}

const lab = await KernelLab.open();
if ('skip' in lab) throw new Error(lab.skip);
try {
  const consumer = await lab.consumer(2);
  await lab.serveEndpoints(2);
  const lines = [
    '| services of 10 endpoints | cold load, ms | a change, median ms | p99 ms ' +
      '| first connection, median ms | p99 ms |',
    '| ---: | ---: | ---: | ---: | ---: | ---: |',
  ];
  for (const services of SIZES) lines.push(await measure(lab, consumer, services));
  process.stdout.write(`${lines.join('\n')}\n`);
} finally {
  await lab[Symbol.asyncDispose]();
}
