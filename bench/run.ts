import { BENCH_PLANS, redirectLookup } from './benches.ts';
import { carrierPlans, redirectTo, startCarrier } from './carriers.ts';
import { startEndpoint } from './endpoint-service.ts';
import { machineFacts, missing } from './machine.ts';
import { Testbed } from './testbed.ts';
import type { Bench } from './benches.ts';
import type { CarrierPlan } from './carriers.ts';
import type { BenchName, CarrierName, Readings } from './figures.ts';
import type { BenchOptions } from './options.ts';
import type { Circumstances, Results } from './table.ts';

/** Without these there is no bench at all. */
const NEEDED = ['unshare', 'nsenter', 'setpriv', 'ip', 'ss', 'iptables', 'nginx', 'iperf3'];

/** Where a run works, what ends it, and who is told how it goes. */
export interface RunOptions {
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

/**
 * Runs the benches, each in rounds in turn: every carrier once, then every carrier again.
 *
 * @throws {Error} This machine lacks something that no bench can do without, a carrier does not start, or a
 *   load failed: a figure of a run that failed says nothing.
 */
export async function runBenches(
  options: BenchOptions,
  run: RunOptions,
): Promise<{ readonly results: Results; readonly circumstances: Circumstances }> {
  const { benches, rounds, seconds } = options;
  const { signal, say } = run;
  const absent = await missing(NEEDED);
  if (absent.length > 0) throw new Error(`${absent.join(', ')} missing: install with --install`);
  const skipped: string[] = [];
  const plans = await present(carrierPlans(options), ({ name }) => name, skipped);
  await using testbed = await Testbed.create(signal);
  await using services = new AsyncDisposableStack();
  services.use(await startEndpoint(testbed, run));
  for (const plan of plans) await redirectTo(testbed, plan);
  await redirectLookup(testbed);
  const results = new Map<CarrierName, Readings[]>();
  for (const [name, bench] of await chosen(benches, skipped)) {
    say(`${name}: ${rounds} rounds`);
    const measured = plans.filter((plan) => bench.measures(plan));
    await runRounds(testbed, bench, { plans: measured, rounds, seconds, results, run });
  }
  for (const what of skipped) say(`left out: ${what}`);
  return { results, circumstances: { facts: await machineFacts(), rounds, seconds, skipped } };
}

/** The benches that can run here. */
async function chosen(
  names: readonly BenchName[],
  skipped: string[],
): Promise<readonly (readonly [BenchName, Bench])[]> {
  const all = names.map((name) => ({ name, needs: BENCH_PLANS[name].needs }));
  const found = await present(all, ({ name }) => name, skipped);
  return found.map(({ name }) => [name, BENCH_PLANS[name]]);
}

/** Those whose programs are all here; of the others it is said what is missing. */
async function present<T extends { readonly needs: readonly string[] }>(
  things: readonly T[],
  nameOf: (thing: T) => string,
  skipped: string[],
): Promise<readonly T[]> {
  const found: T[] = [];
  for (const thing of things) {
    const absent = await missing(thing.needs);
    if (absent.length === 0) found.push(thing);
    else skipped.push(`${nameOf(thing)}, for ${absent.join(', ')} is missing (--install)`);
  }
  return found;
}

async function runRounds(
  testbed: Testbed,
  bench: Bench,
  options: {
    readonly plans: readonly CarrierPlan[];
    readonly rounds: number;
    readonly seconds: number;
    readonly results: Map<CarrierName, Readings[]>;
    readonly run: RunOptions;
  },
): Promise<void> {
  const { plans, rounds, seconds, results, run } = options;
  await using started = new AsyncDisposableStack();
  if (!bench.startsFresh) for (const plan of plans) started.use(await startCarrier(testbed, plan, run));
  for (let round = bench.warmsUp ? -1 : 0; round < rounds; round += 1) {
    for (const plan of plans) {
      run.signal.throwIfAborted();
      const readings = await bench.round(testbed, plan, { ...run, seconds });
      if (round < 0) continue;
      results.set(plan.name, [...(results.get(plan.name) ?? []), readings]);
      run.say(`  ${round + 1} ${plan.name}: ${format(readings)}`);
    }
  }
}

function format(readings: Readings): string {
  return Object.entries(readings)
    .map(([name, value]) => `${name} ${value.toPrecision(4)}`)
    .join(', ');
}
