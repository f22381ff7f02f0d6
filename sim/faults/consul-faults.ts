import { BACKOFF_CAP_MS, plan } from './fault-plan.ts';
import type { ConsulHealth } from '../consul/consul-catalog.ts';
import type { DrawPlan, FaultPlan } from './fault-plan.ts';

/** How long embassy takes nothing for gone after an index went back, and then only suspects it [P11, C7]. */
const RESET_DOUBT_MS = 60_000;
const LOSS_HOLD_MS = 10_000;

/** How long a query waits at most until its client takes the server for dead: 30 s, a sixteenth, and some. */
const SILENCE_NOTICED_MS = 40_000;

/** What goes wrong between Consul and embassy. */
export const CONSUL_FAULTS = {
  'consul outage': () => outage(['down'], BACKOFF_CAP_MS),
  'consul without a leader': () => outage(['leaderless'], BACKOFF_CAP_MS),
  'consul silence': () => outage(['silent'], SILENCE_NOTICED_MS + BACKOFF_CAP_MS),
  // `blind` shows empty lists, which embassy must not take for the truth [P13].
  'consul rights lost': () => outage(['blind', 'refusing'], BACKOFF_CAP_MS),
  // Answers that are not meant to be consistent are empty; those that are show all, so nothing is unknown.
  'consul fresh follower': () =>
    plan({
      adds: { discovery: BACKOFF_CAP_MS },
      lastsMs: [1_000, 20_000],
      pauseMs: [5_000, 30_000],
      strike: (world) => {
        if (world.sources.catalog === undefined) return;
        world.sources.catalog.isFresh = true;
        world.sources.catalog.cutAll();
      },
      heal: (world) => {
        if (world.sources.catalog !== undefined) world.sources.catalog.isFresh = false;
      },
    }),
  'consul index reset': () =>
    plan({
      adds: { discovery: RESET_DOUBT_MS + LOSS_HOLD_MS + BACKOFF_CAP_MS },
      pauseMs: [10_000, 60_000],
      strike: (world) => {
        world.sources.catalog?.rewind();
      },
    }),
} as const satisfies Readonly<Record<string, DrawPlan>>;

function outage(healths: readonly ConsulHealth[], noticedMs: number): FaultPlan {
  return plan({
    adds: { discovery: noticedMs },
    outages: ['consul'],
    lastsMs: [1_000, 30_000],
    pauseMs: [10_000, 40_000],
    strike: (world, random) => {
      world.sources.catalog?.setHealth(random.choose(healths) ?? 'down');
      // What was asked before is asked again, and meets the new state.
      world.sources.catalog?.cutAll();
    },
    heal: (world) => {
      world.sources.catalog?.setHealth('up');
    },
  });
}
