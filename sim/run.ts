import { checkEndpointOfService, ENDPOINT_OF_SERVICE } from './checkers/endpoint-of-service.ts';
import { checkTableIsFresh, checkTableIsTrue, TABLE_IS_FRESH } from './checkers/table-is-fresh.ts';
import { checkUnboundRefused, UNBOUND_REFUSED } from './checkers/unbound-refused.ts';
import { callEverywhere, callSomewhere, churnContainers, churnEndpoints, churnHosts } from './churn.ts';
import { endpointHosts, LEASE_MAX_MS, tally } from './churn.ts';
import { SimClock } from './clock.ts';
import { DEFAULTS, MAX_BINDINGS } from './embassy.ts';
import { boundsOf, chooseFaults, runFault } from './faults.ts';
import { SeededRandom } from './random.ts';
import { Trace } from './trace.ts';
import { isEligible } from './truth.ts';
import { World } from './world.ts';
import type { Call } from './call.ts';
import type { Violation } from './checkers/violation.ts';
import type { Tally } from './churn.ts';
import type { Settle } from './clock.ts';
import type { Breakage } from './embassy.ts';
import type { Fault } from './faults.ts';
import type { TraceSink } from './trace.ts';
import type { WorldOptions } from './world.ts';

/** How often the table is checked. */
const STEP_MS = 100;

/** How long after a change the daemon may take to sync: its own pace, several times. */
const SYNC_SLACK_MS = 20;
const SYNC_SLACKS_MAX = 5;

/** How long the last calls may take: they are refused or served well within it. */
const LAST_CALLS_MS = 100_000;

/** How long embassy may take to stop: its drain and the longest hold. */
const STOP_MS = 10_000;

/** More violations than this are not kept: one tells enough. */
const VIOLATIONS_MAX = 20;

/** The name of the check that nothing is left at the end. */
const NOTHING_LEFT = 'nothing is left at the end';

/** Every checker, in the order of the report. */
export const CHECKERS = [UNBOUND_REFUSED, ENDPOINT_OF_SERVICE, TABLE_IS_FRESH, NOTHING_LEFT] as const;

/** What identifies a run: the same options give the same trace. */
export interface RunOptions {
  readonly seed: number;
  /** How long containers, endpoints and faults go on, in simulated minutes > 0. */
  readonly minutes: number;
  readonly sources?: WorldOptions['sources'];
  /** For tests of the checkers. */
  readonly breakage?: Breakage;
}

/** What a run did and found. */
export interface Report {
  readonly seed: number;
  readonly minutes: number;
  readonly faults: readonly Fault[];
  /** The bound within which the end had to be right, in milliseconds. */
  readonly convergenceMs: number;
  /** What happened how often, in the order of names. */
  readonly counts: ReadonlyMap<string, number>;
  readonly violations: readonly Violation[];
}

/** Chooses the faults of a run. Pure: a seed always has the same. */
export function faultsOf(options: RunOptions): readonly Fault[] {
  if (options.sources === 'memory') return [];
  return chooseFaults(new SeededRandom(options.seed).fork('faults'));
}

/**
 * Runs one simulation from its seed: churn and faults for a while, then the faults end and everything must
 * converge within a bound, then embassy stops and must leave nothing.
 *
 * @param settle - Lets every microtask that is due run.
 * @param sink - Takes the trace, line by line.
 */
export async function simulate(
  dependencies: { readonly settle: Settle; readonly sink: TraceSink },
  options: RunOptions,
): Promise<Report> {
  return new Run(dependencies, options).run();
}

class Run {
  readonly #options: RunOptions;
  readonly #random: SeededRandom;
  readonly #faults: readonly Fault[];
  readonly #world: World;
  readonly #counts: Tally = new Map();
  readonly #violations: Violation[] = [];

  constructor(dependencies: { readonly settle: Settle; readonly sink: TraceSink }, options: RunOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    this.#faults = faultsOf(options);
    const clock = new SimClock(dependencies.settle);
    const trace = new Trace({ clock }, dependencies.sink);
    this.#world = new World(
      { clock, random: this.#random.fork('world'), trace },
      {
        sources: options.sources ?? 'adapters',
        bounds: boundsOf(this.#faults),
        ...(options.breakage === undefined ? {} : { breakage: options.breakage }),
      },
    );
  }

  async run(): Promise<Report> {
    const { seed, minutes } = this.#options;
    const world = this.#world;
    const convergenceMs = Math.max(world.truth.bounds.provider, world.truth.bounds.discovery);
    for (const at of endpointHosts()) await world.addHost(at);
    await world.start();
    await this.#churn(minutes * 60_000);
    await this.#converge(convergenceMs);
    await this.#end();
    for (const [name, count] of world.metrics.counts) this.#counts.set(`embassy: ${name}`, count);
    const counts = new Map([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
    return { seed, minutes, faults: this.#faults, convergenceMs, counts, violations: this.#violations };
  }

  /** The safety phase: everything changes, faults strike, and nothing wrong may happen. */
  async #churn(durationMs: number): Promise<void> {
    const world = this.#world;
    const abort = new AbortController();
    const { signal } = abort;
    const counts = this.#counts;
    const onEnd = (call: Call): void => {
      this.#judge(call);
    };
    const actors = [
      this.#repeat('containers', [200, 3_000], signal, (random) => {
        churnContainers(world, random, counts);
      }),
      this.#repeat('endpoints', [50, 1_500], signal, (random) => {
        churnEndpoints(world, random, counts);
      }),
      this.#repeat('hosts', [500, 5_000], signal, (random) => {
        churnHosts(world, random, counts);
      }),
      this.#repeat('calls', [5, 150], signal, (random) => {
        callSomewhere(world, random, onEnd);
      }),
      ...this.#faults.map(async (fault) =>
        runFault(world, fault, {
          random: this.#random.fork(fault),
          signal,
          onStrike: () => {
            tally(counts, `fault: ${fault}`);
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
    const nowMs = world.clock.monotonicMs();
    this.#add(checkTableIsTrue(world.daemon.table, world.residents, world.truth, { atMs: nowMs }));
    callEverywhere(world, (call) => {
      this.#judge(call);
      this.#judgeServed(call);
    });
    await this.#pass(LAST_CALLS_MS);
  }

  async #end(): Promise<void> {
    const world = this.#world;
    const stopping = world.stop().then(
      () => undefined,
      (error: unknown) => String(error),
    );
    await this.#pass(STOP_MS, { embassyRuns: false });
    const failure = await stopping;
    const left = [
      ['an error', failure],
      ['open connections of the proxier', world.proxier.openConnections],
      ['open connections of the network', world.network.openConnections],
      ['calls under way', world.openCalls],
      ['open streams', world.sources.openStreams()],
      ['timers', world.clock.pendingTimers],
    ] as const;
    for (const [what, count] of left) {
      if (count === undefined || count === 0) continue;
      const atMs = world.clock.monotonicMs();
      this.#add({ checker: NOTHING_LEFT, atMs, expected: 'no ' + what, seen: `${what}: ${count}` });
    }
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

  /** Lets time pass, with a look at the table at each step. */
  async #pass(
    durationMs: number,
    options: { readonly embassyRuns: boolean } = { embassyRuns: true },
  ): Promise<void> {
    const { clock } = this.#world;
    const endAtMs = clock.monotonicMs() + durationMs;
    while (clock.monotonicMs() < endAtMs) {
      await clock.advance(Math.min(STEP_MS, endAtMs - clock.monotonicMs()));
      if (options.embassyRuns) await this.#lookAtTable();
    }
  }

  /** The table may lag behind what was just told; it is wrong when it stays so. */
  async #lookAtTable(): Promise<void> {
    const { clock, daemon } = this.#world;
    for (let slack = 0; ; slack += 1) {
      const options = { defaults: DEFAULTS, maxBindings: MAX_BINDINGS, atMs: clock.monotonicMs() };
      const violation = checkTableIsFresh(daemon, options);
      if (violation === undefined) return;
      if (slack === SYNC_SLACKS_MAX) {
        this.#add(violation);
        return;
      }
      await clock.advance(SYNC_SLACK_MS);
    }
  }

  #judge(call: Call): void {
    tally(this.#counts, 'calls');
    tally(this.#counts, `calls ${call.outcome.kind}`);
    this.#add(checkUnboundRefused(call, this.#world.truth));
    this.#add(checkEndpointOfService(call, this.#world.truth));
  }

  /** At the end a bound port whose service has an endpoint must be served, whole. */
  #judgeServed(call: Call): void {
    const { residents, truth } = this.#world;
    const wants = residents.find((resident) => resident.address === call.source)?.wants ?? [];
    const want = wants.find((wanted) => wanted.port === call.port);
    const endpoints = want === undefined ? [] : truth.endpointsOf(want.service);
    const nowMs = call.endedAtMs;
    const canServe = endpoints.some((endpoint) => want !== undefined && isEligible(endpoint, want));
    if (!canServe || (call.outcome.kind === 'reached' && call.outcome.isWhole)) return;
    this.#add({
      checker: TABLE_IS_FRESH,
      atMs: nowMs,
      expected: `${call.container} (${call.source}) to port ${call.port}: served, as all faults are over`,
      seen: call.outcome.kind,
    });
  }

  #add(violation: Violation | undefined): void {
    if (violation === undefined || this.#violations.length >= VIOLATIONS_MAX) return;
    this.#world.trace.event('checker', `${violation.checker}: violated; ${violation.seen}`);
    this.#violations.push(violation);
  }
}
