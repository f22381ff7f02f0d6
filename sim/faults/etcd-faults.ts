import { BACKOFF_CAP_MS, plan } from './fault-plan.ts';
import type { DrawPlan } from './fault-plan.ts';

/** After how long a watch without a word is taken for dead [P38]. */
const SILENCE_NOTICED_MS = 15_000;

/** What goes wrong between etcd and embassy. */
export const ETCD_FAULTS = {
  'etcd watch cut': () =>
    plan({
      adds: { discovery: BACKOFF_CAP_MS },
      pauseMs: [2_000, 10_000],
      strike: (world) => {
        world.sources.store?.cutWatches();
      },
    }),
  'etcd compaction': () =>
    plan({
      adds: { discovery: BACKOFF_CAP_MS },
      pauseMs: [2_000, 20_000],
      strike: (world, random) => {
        if (random.next() < 0.5) world.sources.store?.cutWatches();
        world.sources.store?.compact();
      },
    }),
  // Revisions begin anew, and the streams break with the members that are exchanged.
  'etcd restored from a backup': () =>
    plan({
      adds: { discovery: BACKOFF_CAP_MS },
      pauseMs: [10_000, 40_000],
      strike: (world) => {
        world.sources.store?.rebase();
      },
    }),
  'etcd outage': () =>
    plan({
      adds: { discovery: BACKOFF_CAP_MS },
      outages: ['etcd'],
      lastsMs: [1_000, 30_000],
      pauseMs: [10_000, 40_000],
      strike: (world) => {
        world.sources.store?.setHealth('down');
      },
      heal: (world) => {
        world.sources.store?.setHealth('up');
      },
    }),
  'etcd silence': () =>
    plan({
      adds: { discovery: SILENCE_NOTICED_MS + BACKOFF_CAP_MS },
      outages: ['etcd'],
      lastsMs: [1_000, 30_000],
      pauseMs: [10_000, 40_000],
      strike: (world, random) => {
        world.sources.store?.setHealth(random.next() < 0.5 ? 'silent' : 'no-quorum');
      },
      heal: (world) => {
        world.sources.store?.setHealth('up');
      },
    }),
  // Questions are refused, and so are the watches that follow the cut.
  'etcd rights lost': () =>
    plan({
      adds: { discovery: BACKOFF_CAP_MS },
      outages: ['etcd'],
      lastsMs: [1_000, 30_000],
      pauseMs: [10_000, 40_000],
      strike: (world) => {
        world.sources.store?.setHealth('forbidden');
        world.sources.store?.cutWatches();
      },
      heal: (world) => {
        world.sources.store?.setHealth('up');
      },
    }),
} as const satisfies Readonly<Record<string, DrawPlan>>;
