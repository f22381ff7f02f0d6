import { BACKOFF_CAP_MS, percent, plan } from './fault-plan.ts';
import { NO_FAULTS } from '../docker/engine-faults.ts';
import type { World } from '../world.ts';
import type { DrawPlan } from './fault-plan.ts';

/** How often embassy lists everything anew, whatever it was told [C10]. */
const PROVIDER_RESYNC_MS = 30_000;

/** Lists that embassy may wait for before one shows what just happened: two begun before, two of its own. */
const LISTS_IN_A_ROW = 4;

/** What goes wrong between the Docker engine and embassy. */
export const DOCKER_FAULTS = {
  // What no event tells is found by the next full list.
  'docker event loss': (random) => {
    const share = random.integer(2, 10) / 10;
    return plan({
      words: percent(share),
      adds: { provider: PROVIDER_RESYNC_MS + BACKOFF_CAP_MS },
      lastsMs: [5_000, 20_000],
      pauseMs: [5_000, 20_000],
      strike: (world) => {
        world.engine.faults.eventLoss = share;
      },
      heal: (world) => {
        world.engine.faults.eventLoss = 0;
      },
    });
  },
  // Whoever is told twice knows no less.
  'docker events twice': (random) => {
    const share = random.integer(3, 10) / 10;
    return plan({
      words: percent(share),
      lastsMs: [5_000, 20_000],
      pauseMs: [5_000, 20_000],
      strike: (world) => {
        world.engine.faults.eventRepeat = share;
      },
      heal: (world) => {
        world.engine.faults.eventRepeat = 0;
      },
    });
  },
  // Each event comes as much later at most, and the last of them makes embassy look.
  'docker events late': (random) => {
    const jitterMs = random.integer(200, 2_000);
    return plan({
      words: `up to ${jitterMs} ms, out of order`,
      adds: { provider: jitterMs },
      lastsMs: [5_000, 20_000],
      pauseMs: [5_000, 20_000],
      strike: (world) => {
        world.engine.faults.eventJitterMs = jitterMs;
      },
      heal: (world) => {
        world.engine.faults.eventJitterMs = 0;
      },
    });
  },
  'docker stream cut': () =>
    plan({
      adds: { provider: BACKOFF_CAP_MS },
      pauseMs: [3_000, 15_000],
      strike: (world, random) => {
        world.engine.cutStreams(random.next() < 0.5 ? 'closed' : 'broken');
      },
    }),
  // A stream that is dead without an end is noticed by the next full list.
  'docker stream silent': () =>
    plan({
      adds: { provider: PROVIDER_RESYNC_MS + BACKOFF_CAP_MS },
      pauseMs: [20_000, 60_000],
      strike: (world) => {
        world.engine.cutStreams('silent');
      },
    }),
  'docker outage': () =>
    plan({
      adds: { provider: BACKOFF_CAP_MS },
      outages: ['provider'],
      lastsMs: [1_000, 20_000],
      pauseMs: [10_000, 40_000],
      strike: (world) => {
        world.engine.crash();
      },
      heal: (world) => {
        world.engine.bounce();
      },
    }),
  // Its containers end with it and start again in another order, so that their addresses change hands.
  'docker restart': () => {
    let order = 0;
    return plan({
      adds: { provider: BACKOFF_CAP_MS },
      outages: ['provider'],
      lastsMs: [500, 8_000],
      pauseMs: [20_000, 60_000],
      strike: (world, random) => {
        order = random.integer(0, 1_000_000);
        world.population.haltEngine();
      },
      heal: (world) => {
        world.population.resumeEngine(order);
      },
    });
  },
  // A container that the engine refused to tell of is looked at again by the next full list.
  'docker errors': (random) => {
    const answers = random.next() < 0.5 ? 'error' : 'garbage';
    return plan({
      words: answers === 'error' ? 'status 500' : 'no JSON',
      adds: { provider: PROVIDER_RESYNC_MS + BACKOFF_CAP_MS },
      outages: ['provider'],
      lastsMs: [500, 10_000],
      pauseMs: [10_000, 40_000],
      strike: (world) => {
        world.engine.faults.answers = answers;
      },
      heal: (world) => {
        world.engine.faults.answers = 'well';
      },
    });
  },
  // Lists of 300 ms, and a document of 100 ms for every eighth container.
  'docker slow': () =>
    plan({
      adds: { provider: 2_000 },
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
      heal: calm,
    }),
  'docker lists slower than events': (random) => {
    const listDelayMs = random.integer(300, 1_000);
    return plan({
      words: `${listDelayMs} ms`,
      adds: { provider: LISTS_IN_A_ROW * listDelayMs },
      lastsMs: [10_000, 30_000],
      pauseMs: [5_000, 20_000],
      strike: (world) => {
        world.engine.faults.listDelayMs = listDelayMs;
      },
      heal: calm,
    });
  },
} as const satisfies Readonly<Record<string, DrawPlan>>;

function calm(world: World): void {
  const { eventDelayMs, subscribeDelayMs, listDelayMs, inspectDelayMs } = NO_FAULTS;
  Object.assign(world.engine.faults, { eventDelayMs, subscribeDelayMs, listDelayMs, inspectDelayMs });
}
