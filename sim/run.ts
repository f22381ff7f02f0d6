import { Churn, LEASE_MAX_MS, tally } from './churn.ts';
import { chooseLimits } from './choose-limits.ts';
import { SimClock } from './clock.ts';
import { boundsOf, chooseFaults, drawFault, faultInWords, runFault } from './faults.ts';
import { RULES_BACK_MS } from './checkers/captured.ts';
import { callAfterHandovers } from './handover-calls.ts';
import { Judge } from './judge.ts';
import { chosenLoad, loadOf, pausesOf } from './load.ts';
import { SeededRandom } from './random.ts';
import { Trace } from './trace.ts';
import { World } from './world.ts';
import type { Call } from './call.ts';
import type { Chronicler } from './chronicler.ts';
import type { Violation } from './checkers/violation.ts';
import type { Tally } from './churn.ts';
import type { Settle } from './clock.ts';
import type { Breakage, Limits } from './embassy.ts';
import type { ChosenFault, Fault } from './faults.ts';
import type { DiscoveryName } from './truth.ts';
import type { Load } from './load.ts';
import type { TraceSink } from './trace.ts';
import type { WorldOptions } from './world.ts';

/** How often all that must hold is looked at. */
const STEP_MS = 100;

/** How long the last calls may take: they are refused or served well within it. */
const LAST_CALLS_MS = 100_000;

/** How long embassy may take to stop: its drain and the longest hold. */
const STOP_MS = 10_000;

/** In this part of the runs embassy has two discoveries, and services are in one of them or in both. */
const TWO_DISCOVERIES_PART = 0.4;

/** In this part of the runs the operator gave a state directory. */
const STATE_DIR_PART = 0.5;

/** What identifies a run: the same options give the same trace. */
export interface RunOptions extends Partial<Load> {
  readonly seed: number;
  /** How long containers, endpoints and faults go on, in simulated minutes > 0. */
  readonly minutes: number;
  readonly sources?: WorldOptions['sources'];
  /** Faults that the seed would choose and that are left out, for the search for a smaller run. */
  readonly without?: readonly Fault[];
  /** For tests of the checkers. */
  readonly breakage?: Breakage;
  /** What the operator chose; drawn from the seed where absent. */
  readonly limits?: Partial<Limits>;
}

/** What a run did and found. */
export interface Report {
  readonly seed: number;
  readonly minutes: number;
  /** What was chosen of the world's size and pace. */
  readonly load: Partial<Load>;
  readonly faults: readonly Fault[];
  /** All that was simulated, the end included, in milliseconds. */
  readonly simulatedMs: number;
  /** The bound within which the end had to be right, in milliseconds. */
  readonly convergenceMs: number;
  /** What happened how often, in the order of names. */
  readonly counts: ReadonlyMap<string, number>;
  readonly violations: readonly Violation[];
}

/** Chooses the faults of a run. Pure: a seed always has the same. */
export function faultsOf(options: RunOptions): readonly Fault[] {
  return chosenFaults(options).map(({ fault }) => fault);
}

/** The same, each with its parameters. */
export function faultsInWords(options: RunOptions): readonly string[] {
  return chosenFaults(options).map(faultInWords);
}

/** Tells which discoveries a run has, in order. Pure. */
function discoveriesOf(options: RunOptions): readonly DiscoveryName[] {
  const draw = new SeededRandom(options.seed).fork('discoveries').next();
  return options.sources === undefined && draw < TWO_DISCOVERIES_PART ? ['etcd', 'consul'] : ['etcd'];
}

function chosenFaults(options: RunOptions): readonly ChosenFault[] {
  if (options.sources === 'memory') return [];
  const random = new SeededRandom(options.seed).fork('faults');
  const chosen = chooseFaults(random, discoveriesOf(options));
  const left = chosen.filter((fault) => options.without?.includes(fault) !== true);
  return left.map((fault) => drawFault(fault, random));
}

/** What a run works with. */
export interface RunDependencies {
  /** Lets every microtask that is due run. */
  readonly settle: Settle;
  /** Takes the trace, line by line. */
  readonly sink: TraceSink;
  /** Writes the run down for people; absent where nobody reads it. */
  readonly chronicler?: Chronicler;
}

/**
 * Runs one simulation from its seed: churn and faults for a while, then the faults end and everything must
 * converge within a bound, then embassy stops and must leave nothing.
 */
export async function simulate(dependencies: RunDependencies, options: RunOptions): Promise<Report> {
  return new Run(dependencies, options).run();
}

class Run {
  readonly #options: RunOptions;
  readonly #random: SeededRandom;
  readonly #faults: readonly ChosenFault[];
  readonly #world: World;
  readonly #counts: Tally = new Map();
  readonly #judge: Judge;
  readonly #chronicler: Chronicler | undefined;
  readonly #load: Load;
  readonly #happenings: Churn;

  constructor(dependencies: RunDependencies, options: RunOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    this.#faults = chosenFaults(options);
    const discoveries = discoveriesOf(options);
    const clock = new SimClock(dependencies.settle);
    const trace = new Trace({ clock }, dependencies.sink);
    this.#world = new World(
      { clock, random: this.#random.fork('world'), trace },
      {
        sources: options.sources ?? 'adapters',
        bounds: boundsOf(this.#faults),
        discoveries,
        hasStateDir: this.#random.fork('state directory').next() < STATE_DIR_PART,
        ...(options.breakage === undefined ? {} : { breakage: options.breakage }),
        limits: options.limits ?? chooseLimits(this.#random.fork('limits')),
      },
    );
    this.#chronicler = dependencies.chronicler;
    this.#chronicler?.follow(this.#world);
    this.#judge = new Judge(this.#world);
    this.#load = loadOf(options);
    const policies = this.#random.fork('policies');
    const churn = { load: this.#load, discoveries, policies };
    this.#happenings = new Churn(this.#world, churn, this.#counts);
    trace.event('world', `faults: ${this.#faults.map(faultInWords).join(', ') || 'none'}`);
    trace.event('world', `limits: ${JSON.stringify(this.#world.limits)}`);
  }

  async run(): Promise<Report> {
    const { seed, minutes } = this.#options;
    const world = this.#world;
    const { provider, discovery } = world.truth.bounds;
    const convergenceMs = Math.max(provider, discovery, RULES_BACK_MS);
    await this.#happenings.fill(this.#random.fork('fill'));
    await world.start();
    await this.#churn(minutes * 60_000);
    await this.#converge(convergenceMs);
    await this.#end();
    for (const [name, count] of world.metrics.counts) this.#counts.set(`embassy: ${name}`, count);
    const { count: late, maxMs, p99Ms } = this.#judge.handoverWindow;
    this.#counts.set('address handed over: old binding served after it', late);
    this.#counts.set('address handed over: old binding served for ms at most', maxMs);
    this.#counts.set('address handed over: old binding served for ms (99 %)', p99Ms);
    const counts = new Map([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
    const { violations } = this.#judge;
    const simulatedMs = world.clock.monotonicMs();
    const load = chosenLoad(this.#options);
    const faults = this.#faults.map(({ fault }) => fault);
    return { seed, minutes, load, faults, simulatedMs, convergenceMs, counts, violations };
  }

  /** The safety phase: everything changes, faults strike, and nothing wrong may happen. */
  async #churn(durationMs: number): Promise<void> {
    const world = this.#world;
    const abort = new AbortController();
    const { signal } = abort;
    const churn = this.#happenings;
    const { callsPerSecond, churnPerSecond } = this.#load;
    const onEnd = (call: Call): void => {
      this.#count(call);
      this.#judge.call(call);
    };
    const actors = [
      this.#repeat('containers', [200, 3_000], signal, (random) => {
        churn.containers(random);
      }),
      this.#repeat('endpoints', pausesOf(churnPerSecond), signal, (random) => {
        churn.endpoints(random);
      }),
      this.#repeat('hosts', [500, 5_000], signal, (random) => {
        churn.hosts(random);
      }),
      callAfterHandovers(world, { signal, onEnd }),
      this.#repeat('calls', pausesOf(callsPerSecond), signal, (random) => {
        churn.call(random, onEnd);
      }),
      ...this.#faults.map(async (fault) =>
        runFault(world, fault, {
          random: this.#random.fork(fault.fault),
          signal,
          onStrike: () => {
            tally(this.#counts, `fault: ${fault.fault}`);
            this.#chronicler?.onStrike(fault.fault);
          },
          onHeal: () => {
            this.#chronicler?.onHeal(fault.fault);
          },
        }),
      ),
    ];
    await this.#pass(durationMs);
    abort.abort(new Error('the churn ends'));
    await Promise.allSettled(actors);
  }

  /** The liveness phase: no more faults; within the bound, table and calls must be as the world is. */
  async #converge(boundMs: number): Promise<void> {
    const world = this.#world;
    await this.#pass(LEASE_MAX_MS);
    world.trace.event('world', `all has ended that changes the world; ${boundMs} ms to converge`);
    await this.#pass(boundMs);
    // What hangs since a fault may take all connections that a binding is allowed.
    for (let waitedMs = 0; world.openCalls > 0 && waitedMs < LAST_CALLS_MS; waitedMs += STEP_MS) {
      await this.#pass(STEP_MS);
    }
    this.#judge.converged();
    this.#happenings.callEverywhere((call) => {
      this.#count(call);
      this.#judge.servedCall(call);
    });
    await this.#pass(LAST_CALLS_MS);
    this.#judge.quiet();
  }

  async #end(): Promise<void> {
    const world = this.#world;
    let failure: string | undefined = 'it has not ended';
    const stopping = world.stop().then(
      () => (failure = undefined),
      (error: unknown) => (failure = String(error)),
    );
    void stopping;
    await this.#pass(STOP_MS, { embassyRuns: false });
    this.#judge.stopped(failure);
  }

  /** Lets an actor act again and again, with pauses drawn from its own generator. */
  async #repeat(
    name: string,
    pauseMs: readonly [number, number],
    signal: AbortSignal,
    act: (random: SeededRandom) => void,
  ): Promise<void> {
    const random = this.#random.fork(name);
    while (true) {
      await this.#world.clock.sleep(random.integer(...pauseMs), { signal });
      act(random);
    }
  }

  /** Lets time pass, with a look at all that must hold at each step. */
  async #pass(
    durationMs: number,
    options: { readonly embassyRuns: boolean } = { embassyRuns: true },
  ): Promise<void> {
    const { clock } = this.#world;
    const endAtMs = clock.monotonicMs() + durationMs;
    while (clock.monotonicMs() < endAtMs) {
      await clock.advance(Math.min(STEP_MS, endAtMs - clock.monotonicMs()));
      if (!options.embassyRuns) continue;
      await this.#judge.step();
      this.#chronicler?.onStep();
    }
  }

  #count(call: Call): void {
    tally(this.#counts, 'calls');
    tally(this.#counts, `calls ${call.outcome.kind}`);
    this.#chronicler?.onCall(call);
  }
}
