import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { until } from '../e2e/support/until.ts';
import { startCarrier } from './carriers.ts';
import { HTTP_PORT, IPERF_PORT } from './endpoint-service.ts';
import { busySeconds, memoryOf, trackedKb } from './machine.ts';
import { readIperf, readWrk } from './tool-output.ts';
import { HOST_IP } from './testbed.ts';
import type { Carrier, CarrierPlan } from './carriers.ts';
import type { BenchName, CarrierName, Readings } from './figures.ts';
import type { Testbed } from './testbed.ts';

/** What a stream's figure leaves out at its beginning. */
const OMITTED_S = 0.5;

/** Connections of the load generator at once. */
const WRK_CONNECTIONS = 50;

/** Idle connections whose memory is counted, per carrier. */
const IDLE_CONNECTIONS = 2_000;

/** How long a process may settle before its memory is read. */
const SETTLE_MS = 1_500;

/** Where the lookup is timed. */
const LOOKUP_PORT = 9_997;
const LOOKUP_VIRTUAL_IP = '10.77.9.7';

const HOLD_TIMEOUT_MS = 30_000;

/** A generator gets this much longer than it shall run. */
const GRACE_MS = 15_000;

/** Where a round runs, and for how long each of its figures. */
export interface RoundOptions {
  readonly seconds: number;
  readonly folder: string;
  readonly signal: AbortSignal;
}

/** One kind of load. */
export interface Bench {
  /** What it runs, beside the carriers. */
  readonly needs: readonly string[];
  /** Whom it measures. */
  measures(plan: CarrierPlan): boolean;
  /** Whether a round that is not counted goes before the others. */
  readonly warmsUp: boolean;
  /** Whether it starts the carrier itself, fresh for each round. */
  readonly startsFresh: boolean;
  /** Measures one round. */
  round(testbed: Testbed, plan: CarrierPlan, options: RoundOptions): Promise<Readings>;
}

const throughAll = (plan: CarrierPlan): boolean => plan.relays;

/** Every bench by its name. */
export const BENCH_PLANS: Readonly<Record<BenchName, Bench>> = {
  relay: { needs: ['iperf3'], measures: throughAll, warmsUp: true, startsFresh: false, round: relay },
  requests: { needs: ['wrk'], measures: throughAll, warmsUp: true, startsFresh: false, round: requests },
  connections: {
    needs: ['wrk'],
    measures: () => true,
    warmsUp: true,
    startsFresh: false,
    round: connections,
  },
  memory: {
    needs: ['ss'],
    measures: ({ relays, proxy }) => relays && proxy !== undefined,
    warmsUp: false,
    startsFresh: true,
    round: memory,
  },
  lookup: { needs: [], measures: isEmbassy, warmsUp: false, startsFresh: true, round: lookup },
};

/** Writes the rule that the lookup is about. */
export async function redirectLookup(testbed: Testbed): Promise<void> {
  await testbed.redirectOwn({ virtualIp: LOOKUP_VIRTUAL_IP, to: `${HOST_IP}:${LOOKUP_PORT}` });
}

/** What one stream carried in Gb/s, and what the machine worked for a GB, in seconds. */
interface Stream {
  readonly gigabits: number;
  readonly cpu: number;
}

/** One stream, as a consumer that copies something has it. */
async function relay(testbed: Testbed, plan: CarrierPlan, options: RoundOptions): Promise<Readings> {
  const { seconds } = options;
  const stream = async (direction: readonly string[]): Promise<Stream> => {
    const words = [
      '-c',
      plan.ip,
      '-p',
      String(IPERF_PORT),
      '-t',
      String(seconds),
      '-O',
      String(OMITTED_S),
      '-J',
    ];
    const settings = { timeoutMs: seconds * 1_000 + GRACE_MS };
    const beforeS = await busySeconds();
    const gigabits = readIperf(await testbed.consumer.run(['iperf3', ...words, ...direction], settings));
    const busyS = (await busySeconds()) - beforeS;
    // What is left out of the figure at its beginning was carried, too.
    const gigabytes = (gigabits / 8) * (seconds + OMITTED_S);
    return { gigabits, cpu: busyS / gigabytes };
  };
  const [toConsumer, toEndpoint] = [await stream(['-R']), await stream([])];
  return {
    toConsumer: toConsumer.gigabits,
    toConsumerCpu: toConsumer.cpu,
    toEndpoint: toEndpoint.gigabits,
    toEndpointCpu: toEndpoint.cpu,
  };
}

async function requests(testbed: Testbed, plan: CarrierPlan, options: RoundOptions): Promise<Readings> {
  const told = readWrk(await wrk(testbed, plan, { ...options, headers: [] }));
  return { requests: told.perSecond, requestsMedian: told.medianMs, requestsP99: told.p99Ms };
}

async function connections(testbed: Testbed, plan: CarrierPlan, options: RoundOptions): Promise<Readings> {
  const headers = ['-H', 'Connection: close'];
  const beforeS = await busySeconds();
  const { perSecond } = readWrk(await wrk(testbed, plan, { ...options, headers }));
  const busyS = (await busySeconds()) - beforeS;
  return { connections: perSecond, connectionsCpu: (busyS * 1e6) / (perSecond * options.seconds) };
}

async function wrk(
  testbed: Testbed,
  plan: CarrierPlan,
  options: RoundOptions & { readonly headers: readonly string[] },
): Promise<string> {
  const { seconds, headers } = options;
  const words = ['-t', '1', '-c', String(WRK_CONNECTIONS), '-d', `${seconds}s`, '--latency', ...headers];
  const argv = ['wrk', ...words, `http://${plan.ip}:${HTTP_PORT}/`];
  return testbed.consumer.run(argv, { timeoutMs: seconds * 1_000 + GRACE_MS });
}

/** What a fresh process grows by, for each of many connections that are open and say nothing. */
async function memory(testbed: Testbed, plan: CarrierPlan, options: RoundOptions): Promise<Readings> {
  const { signal } = options;
  await using carrier = await startCarrier(testbed, plan, options);
  await sleep(SETTLE_MS, undefined, { signal });
  const before = await memoryNow(carrier);
  const program = fileURLToPath(new URL('./programs/hold-connections.ts', import.meta.url));
  const argv = [process.execPath, program, plan.ip, String(HTTP_PORT), String(IDLE_CONNECTIONS)];
  await using holder = testbed.consumer.start(argv);
  await holder.waitForOutput(/^held$/m, { signal, timeoutMs: HOLD_TIMEOUT_MS });
  await waitForUpstreams(testbed, signal);
  await sleep(SETTLE_MS, undefined, { signal });
  const after = await memoryNow(carrier);
  return { idleMemory: (after - before) / IDLE_CONNECTIONS };
}

/** Of the process, and of what the kernel keeps of connections that it tracks. */
async function memoryNow(carrier: Carrier): Promise<number> {
  const tracked = await trackedKb();
  return carrier.program === undefined ? tracked : tracked + (await memoryOf(carrier.program.pid));
}

/** A carrier may accept long before it dials: counted is what reached the endpoint. */
async function waitForUpstreams(testbed: Testbed, signal: AbortSignal): Promise<void> {
  const argv = ['ss', '-tnH', 'state', 'established', 'sport', '=', `:${HTTP_PORT}`];
  const reached = async (): Promise<true | undefined> => {
    const lines = await testbed.endpoint.run(argv, { timeoutMs: GRACE_MS });
    return lines.split('\n').length > IDLE_CONNECTIONS || undefined;
  };
  const what = `${IDLE_CONNECTIONS} connections to reach the endpoint`;
  await until(what, reached, { timeoutMs: HOLD_TIMEOUT_MS, signal });
}

async function lookup(testbed: Testbed, _: CarrierPlan, options: RoundOptions): Promise<Readings> {
  const { seconds } = options;
  const program = fileURLToPath(new URL('./programs/time-lookup.ts', import.meta.url));
  const words = [HOST_IP, String(LOOKUP_PORT), LOOKUP_VIRTUAL_IP, '80', String(seconds)];
  const settings = { timeoutMs: seconds * 1_000 + GRACE_MS };
  return { lookup: Number(await testbed.host.run([process.execPath, program, ...words], settings)) };
}

function isEmbassy(plan: { readonly name: CarrierName }): boolean {
  return plan.name === 'embassy';
}
