import type { SeededRandom } from './random.ts';
import type { Bounds, Source } from './truth.ts';
import type { World } from './world.ts';

/** How old knowledge may be where nothing is wrong: calls, lists and the daemon's own pace. */
const BASE_BOUND_MS = 1_500;

/** What one fault does: while it is on, it strikes and heals in turn. */
interface FaultPlan {
  readonly source: Source;
  /** What it adds to the age of knowledge: the time embassy takes to notice and to ask again. */
  readonly boundMs: number;
  /** Whether the source cannot be asked between strike and heal. */
  readonly isOutage: boolean;
  /** How long it lasts, and the pause before the next strike, in milliseconds. */
  readonly lastsMs: readonly [number, number];
  readonly pauseMs: readonly [number, number];
  strike(world: World, random: SeededRandom): void;
  heal(world: World): void;
}

const BACKOFF_CAP_MS = 5_000;
const PROVIDER_RESYNC_MS = 30_000;
const ETCD_SILENCE_NOTICED_MS = 15_000;

/** Every fault a run may choose from, by its name. */
const PLANS = {
  'docker event loss': {
    source: 'provider',
    boundMs: PROVIDER_RESYNC_MS + BACKOFF_CAP_MS,
    isOutage: false,
    lastsMs: [5_000, 20_000],
    pauseMs: [5_000, 20_000],
    strike: (world) => {
      world.engine.faults.eventLoss = 0.4;
    },
    heal: (world) => {
      world.engine.faults.eventLoss = 0;
    },
  },
  'docker stream cut': {
    source: 'provider',
    boundMs: BACKOFF_CAP_MS,
    isOutage: false,
    lastsMs: [0, 0],
    pauseMs: [3_000, 15_000],
    strike: (world, random) => {
      world.engine.cutStreams(random.next() < 0.5 ? 'closed' : 'broken');
    },
    heal: () => undefined,
  },
  'docker stream silent': {
    source: 'provider',
    boundMs: PROVIDER_RESYNC_MS + BACKOFF_CAP_MS,
    isOutage: false,
    lastsMs: [0, 0],
    pauseMs: [20_000, 60_000],
    strike: (world) => {
      world.engine.cutStreams('silent');
    },
    heal: () => undefined,
  },
  'docker outage': {
    source: 'provider',
    boundMs: BACKOFF_CAP_MS,
    isOutage: true,
    lastsMs: [1_000, 20_000],
    pauseMs: [10_000, 40_000],
    strike: (world) => {
      world.engine.crash();
    },
    heal: (world) => {
      world.engine.bounce();
    },
  },
  'docker slow': {
    source: 'provider',
    boundMs: 2_000,
    isOutage: false,
    lastsMs: [10_000, 30_000],
    pauseMs: [5_000, 20_000],
    strike: (world, random) => {
      Object.assign(world.engine.faults, {
        eventDelayMs: random.integer(1, 100),
        subscribeDelayMs: random.integer(0, 50),
        listDelayMs: random.integer(1, 300),
        inspectDelayMs: random.integer(1, 100),
      });
    },
    heal: (world) => {
      Object.assign(world.engine.faults, {
        eventDelayMs: 0,
        subscribeDelayMs: 0,
        listDelayMs: 0,
        inspectDelayMs: 0,
      });
    },
  },
  'etcd watch cut': {
    source: 'discovery',
    boundMs: BACKOFF_CAP_MS,
    isOutage: false,
    lastsMs: [0, 0],
    pauseMs: [2_000, 10_000],
    strike: (world) => {
      world.sources.store?.cutWatches();
    },
    heal: () => undefined,
  },
  'etcd compaction': {
    source: 'discovery',
    boundMs: BACKOFF_CAP_MS,
    isOutage: false,
    lastsMs: [0, 0],
    pauseMs: [2_000, 20_000],
    strike: (world, random) => {
      if (random.next() < 0.5) world.sources.store?.cutWatches();
      world.sources.store?.compact();
    },
    heal: () => undefined,
  },
  'etcd outage': {
    source: 'discovery',
    boundMs: BACKOFF_CAP_MS,
    isOutage: true,
    lastsMs: [1_000, 30_000],
    pauseMs: [10_000, 40_000],
    strike: (world) => {
      world.sources.store?.setHealth('down');
    },
    heal: (world) => {
      world.sources.store?.setHealth('up');
    },
  },
  'etcd silence': {
    source: 'discovery',
    boundMs: ETCD_SILENCE_NOTICED_MS + BACKOFF_CAP_MS,
    isOutage: true,
    lastsMs: [1_000, 30_000],
    pauseMs: [10_000, 40_000],
    strike: (world, random) => {
      world.sources.store?.setHealth(random.next() < 0.5 ? 'silent' : 'no-quorum');
    },
    heal: (world) => {
      world.sources.store?.setHealth('up');
    },
  },
} as const satisfies Readonly<Record<string, FaultPlan>>;

/** The name of a fault. */
export type Fault = keyof typeof PLANS;

/** Every fault there is. */
export const FAULTS = Object.keys(PLANS) as readonly Fault[];

/** Faults that change how etcd answers; two at once would heal each other. */
const RIVALS: readonly Fault[] = ['etcd outage', 'etcd silence'];

/** Chooses which faults are on: each in half of the runs, so that some runs have few and some many. */
export function chooseFaults(random: SeededRandom): readonly Fault[] {
  const chosen = FAULTS.filter(() => random.next() < 0.5);
  const [, rival] = chosen.filter((fault) => RIVALS.includes(fault));
  return chosen.filter((fault) => fault !== rival);
}

/** How old embassy's knowledge may be with these faults on. Pure. */
export function boundsOf(faults: readonly Fault[]): Bounds {
  const bound = (source: Source): number => {
    const added = faults.map((fault): FaultPlan => PLANS[fault]).filter((plan) => plan.source === source);
    return BASE_BOUND_MS + added.reduce((sum, plan) => sum + plan.boundMs, 0);
  };
  return { provider: bound('provider'), discovery: bound('discovery') };
}

/**
 * Lets a fault strike and heal in turn until aborted, and healed then.
 *
 * @param onStrike - Told of each strike.
 */
export async function runFault(
  world: World,
  fault: Fault,
  options: { readonly random: SeededRandom; readonly signal: AbortSignal; readonly onStrike: () => void },
): Promise<void> {
  const { random, signal } = options;
  const plan: FaultPlan = PLANS[fault];
  const { source } = plan;
  while (true) {
    await world.clock.sleep(random.integer(...plan.pauseMs), { signal });
    options.onStrike();
    world.trace.event('fault', `${fault} strikes`);
    if (plan.isOutage) world.truth.outageBegan(source);
    plan.strike(world, random);
    try {
      await world.clock.sleep(random.integer(...plan.lastsMs), { signal });
    } finally {
      world.trace.event('fault', `${fault} heals`);
      plan.heal(world);
      if (plan.isOutage) world.truth.outageEnded(source);
    }
  }
}
