import { createConnection, createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { setEnvironment } from '../../e2e/support/environment.ts';
import { startOuterNetwork } from '../../e2e/support/outer-network.ts';
import { prepare } from '../../e2e/support/prepare.ts';
import { percentile } from '../statistics.ts';
import { startConsul, startEtcd } from './registries.ts';
import { WatchingDaemon } from './watching-daemon.ts';
import type { AddressInfo } from 'node:net';
import type { Registry } from './registries.ts';

/** Services watched, and the endpoints each has. */
const FEW = 10;
const MANY = 1_000;
const ENDPOINTS = 10;

/** Services that get their first endpoint while the time is taken. */
const FRESH = 100;

/** Changes of which the cost is taken, and the pause between two. */
const CHANGES = 200;
const CHANGE_EVERY_MS = 25;

/** How long nothing happens while the cost of watching alone is taken. */
const IDLE_MS = 20_000;

/** After the start until everything has calmed down. */
const CALM_MS = 5_000;

const FIRST_PORT = 21_000;

/** What one size of one system costs. */
interface Figures {
  readonly rssMb: number;
  readonly idleCpu: number;
  readonly servedMs: readonly number[];
  readonly changeCpuMs: number;
}

const folder = os.tmpdir();
await using stack = new AsyncDisposableStack();
const readiness = await prepare('required', stack, say);
if (readiness.kind === 'skipped') throw new Error(readiness.reason);
setEnvironment(readiness.environment);
const network = stack.use(await startOuterNetwork());
const greeter = createServer((socket) => {
  socket.on('error', () => undefined);
  socket.end('.');
});
await new Promise<void>((resolve) => greeter.listen(0, '127.0.0.1', resolve));
stack.defer(() => {
  greeter.close();
});
const { port: greeterPort } = greeter.address() as AddressInfo;

const rows: string[] = [];
for (const start of [startEtcd, startConsul]) {
  await using registry = await start(network);
  const few = await measure(registry, FEW);
  const many = await measure(registry, MANY);
  const served = percentile(many.servedMs, 0.99);
  const growth = many.changeCpuMs / few.changeCpuMs;
  const cells = [
    `${registry.name} (${registry.limits})`,
    served.toFixed(0),
    percentile(many.servedMs, 0.5).toFixed(0),
    (many.idleCpu * 100).toFixed(2),
    `${many.rssMb.toFixed(0)} (${few.rssMb.toFixed(0)})`,
    many.changeCpuMs.toFixed(2),
    growth.toFixed(2),
  ];
  rows.push(`| ${cells.join(' | ')} |`);
}
const cores = `${os.cpus().length} cores, server and daemon on the same machine`;
const headings = [
  'discovery',
  'registered → served, p99 ms',
  'median',
  'idle CPU, % of a core',
  `RSS, MB (with ${FEW} services)`,
  'a change, CPU ms',
  `to ${FEW} services`,
];
const lines = [
  `${MANY} services of ${ENDPOINTS} endpoints; ${cores}.`,
  '',
  `| ${headings.join(' | ')} |`,
  `| ${headings.map((_, index) => (index === 0 ? '---' : '---:')).join(' | ')} |`,
  ...rows,
];
process.stdout.write(`${lines.join('\n')}\n`);

/** Registers what is missing, watches it, and takes the figures. */
async function measure(registry: Registry, services: number): Promise<Figures> {
  say(`${registry.name}: ${services} services`);
  const label = `${services}`;
  const standing = Array.from({ length: services }, (_, n) => registry.serviceName(`s${label}-${n}`));
  const fresh = Array.from({ length: FRESH }, (_, n) => registry.serviceName(`f${label}-${n}`));
  await registry.register(
    standing.flatMap((service) =>
      Array.from({ length: ENDPOINTS }, (_, n) => ({ service, name: `e${n}`, port: 30_000 + n })),
    ),
  );
  await using daemon = await WatchingDaemon.start({
    discovery: registry.url,
    services: [...standing, ...fresh],
    firstPort: FIRST_PORT,
    socket: path.join(folder, `embassy-bench-${process.pid}.sock`),
  });
  await delay(CALM_MS);
  const rssMb = await daemon.rssMb();
  const idleFromS = await daemon.cpuS();
  await delay(IDLE_MS);
  const idleCpu = ((await daemon.cpuS()) - idleFromS) / (IDLE_MS / 1_000);
  const servedMs: number[] = [];
  for (const [index, service] of fresh.entries()) {
    const port = FIRST_PORT + services + index;
    const beganAtMs = performance.now();
    await registry.register([{ service, name: 'e0', port: greeterPort }]);
    while (!(await isServed(port))) await delay(1);
    servedMs.push(performance.now() - beganAtMs);
  }
  const fromS = await daemon.cpuS();
  for (let change = 0; change < CHANGES; change += 1) {
    const service = standing[change % FEW] ?? '';
    await registry.register([{ service, name: 'e0', port: 31_000 + change }]);
    await delay(CHANGE_EVERY_MS);
  }
  await delay(1_000);
  const idleMs = (CHANGES * CHANGE_EVERY_MS + 1_000) * idleCpu;
  const changeCpuMs = (((await daemon.cpuS()) - fromS) * 1_000 - idleMs) / CHANGES;
  return { rssMb, idleCpu, servedMs, changeCpuMs };
}

async function isServed(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1');
    let isAnswered = false;
    socket.once('data', () => {
      isAnswered = true;
    });
    socket.once('error', () => undefined);
    socket.once('close', () => {
      resolve(isAnswered);
    });
  });
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
