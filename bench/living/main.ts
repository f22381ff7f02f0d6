import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { percentile } from '../statistics.ts';
import { WatchingDaemon } from '../discovery/watching-daemon.ts';

/** What the daemon idles with, and what it starts with. */
const IDLE_BINDINGS = 100;
const START_SERVICES = 1_000;
const ENDPOINTS = 10;

/** After the start until everything has calmed down, and how long is measured. */
const CALM_MS = 5_000;
const MEASURED_MS = 20_000;

/** Questions of `embassy status`, so many times a second. */
const STATUS_PATHS = ['/readyz', '/v1/bindings', '/v1/services', '/v1/endpoints'];
const STATUS_PER_S = 25;

const FIRST_PORT = 22_000;
const STARTS = 3;

const folder = await mkdtemp(path.join(os.tmpdir(), 'embassy-bench-'));
const socket = path.join(folder, 'embassy.sock');
try {
  const rows = [...(await idle()), await start()];
  const lines = ['| figure | seen | wanted |', '| --- | ---: | ---: |', ...rows];
  process.stdout.write(`${lines.join('\n')}\n`);
} finally {
  await rm(folder, { recursive: true });
}

/** A daemon with a hundred bindings: what it holds, what it does, and what being asked costs. */
async function idle(): Promise<readonly string[]> {
  await using daemon = await daemonOf(IDLE_BINDINGS);
  await delay(CALM_MS);
  const rssMb = await daemon.rssMb();
  const quiet = await cpuPart(daemon, async () => delay(MEASURED_MS));
  const asked = await cpuPart(daemon, async () => askForAWhile(daemon));
  const perRequest =
    ((asked - quiet) * MEASURED_MS) / ((MEASURED_MS / 1_000) * STATUS_PER_S * STATUS_PATHS.length);
  return [
    row(`memory with ${IDLE_BINDINGS} bindings, MB`, rssMb.toFixed(0), '≤ 90'),
    row('CPU while nothing happens, % of a core', (quiet * 100).toFixed(2), '≤ 0.5'),
    row('CPU for 100 requests of status a second, % of a core', ((asked - quiet) * 100).toFixed(1), '≤ 5'),
    row('… for one of them, ms', perRequest.toFixed(2), ''),
  ];
}

/** The median of several starts. */
async function start(): Promise<string> {
  const tookS: number[] = [];
  for (let n = 0; n < STARTS; n += 1) {
    const startedAtMs = performance.now();
    const daemon = await daemonOf(START_SERVICES);
    tookS.push((performance.now() - startedAtMs) / 1_000);
    await daemon[Symbol.asyncDispose]();
  }
  return row(
    `from start to ready with ${START_SERVICES} services × ${ENDPOINTS}, s`,
    percentile(tookS, 0.5).toFixed(2),
    '≤ 5',
  );
}

async function daemonOf(count: number): Promise<WatchingDaemon> {
  const services = Array.from({ length: count }, (_, n) => `s${n}`);
  const file = path.join(folder, `endpoints-${count}.yaml`);
  const lines = services.map((name, at) => {
    const own = Array.from({ length: ENDPOINTS }, (_, n) => `127.1.${at % 250}.${n + 1}:${30_000 + at}`);
    return `${name}: [${own.join(', ')}]`;
  });
  await writeFile(file, `${lines.join('\n')}\n`);
  return WatchingDaemon.start({ discovery: `file:${file}`, services, firstPort: FIRST_PORT, socket });
}

/** The part of a core that the daemon uses meanwhile. */
async function cpuPart(daemon: WatchingDaemon, work: () => Promise<unknown>): Promise<number> {
  const [fromS, fromMs] = [await daemon.cpuS(), performance.now()];
  await work();
  return ((await daemon.cpuS()) - fromS) / ((performance.now() - fromMs) / 1_000);
}

async function askForAWhile(daemon: WatchingDaemon): Promise<void> {
  const endAtMs = performance.now() + MEASURED_MS;
  while (performance.now() < endAtMs) {
    const pause = delay(1_000 / STATUS_PER_S);
    await Promise.all(STATUS_PATHS.map(async (asked) => daemon.status(asked)));
    await pause;
  }
}

function row(...cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
