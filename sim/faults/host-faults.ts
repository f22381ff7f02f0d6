import { plan } from './fault-plan.ts';
import type { DrawPlan } from './fault-plan.ts';

/** What a new embassy takes until it has asked everybody. */
const STARTED_MS = 2_000;

/** The longest step of the wall clock: a day, as where a battery was empty. */
const STEP_MS_MAX = 86_400_000;

/** What happens to embassy itself, and to what it finds on its host. */
export const HOST_FAULTS = {
  // It knows nothing at first but what it remembers, which is as old as the end of the one before.
  'embassy killed': () =>
    plan({
      adds: { provider: STARTED_MS, discovery: STARTED_MS },
      outages: ['provider', 'etcd', 'consul'],
      isKernelTrouble: true,
      lastsMs: [100, 8_000],
      pauseMs: [10_000, 60_000],
      strike: (world) => {
        world.crash();
      },
      heal: (world) => {
        void world.bounce();
      },
    }),
  // Durations are measured on another clock, and go on.
  'wall clock steps': () =>
    plan({
      pauseMs: [2_000, 20_000],
      strike: (world, random) => {
        const size = 10 ** random.integer(0, Math.floor(Math.log10(STEP_MS_MAX)));
        const byMs = (random.next() < 0.5 ? -1 : 1) * random.integer(1, size);
        world.trace.event('world', `the wall clock steps by ${byMs} ms`);
        world.clock.stepWall(byMs);
      },
    }),
} as const satisfies Readonly<Record<string, DrawPlan>>;
