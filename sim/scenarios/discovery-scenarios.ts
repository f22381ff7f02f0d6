import type { EtcdHealth } from '../etcd/etcd-store.ts';
import type { Scenario } from './scenario.ts';
import type { Stage } from './stage.ts';

/** The longest pause before etcd is asked again, and how long silence may last unnoticed [P38]. */
const BACKOFF_CAP_MS = 5_000;
const SILENCE_MS = 15_000;

/** How long a connection waits for a service that is not known yet [C5]. */
const UNKNOWN_WAIT_MS = 3_000;

/** What goes wrong between etcd and embassy. */
export const DISCOVERY_SCENARIOS: readonly Scenario[] = [
  {
    id: 'D03',
    title: 'a service is watched once, however many want it, and exactly as long as somebody does',
    play: async (stage) => {
      await stage.serve('/a', '10.1.0.1:80');
      const expectWatches = (count: number): void => {
        const { length } = stage.world.daemon.services.watches;
        stage.expect(`${count} watches`, length, length === count);
      };
      const plain = stage.start('plain', ['/a;80', '/a;81']);
      const tagged = stage.start('tagged', ['/a[blue];80;balance=least-connections']);
      await stage.pass(500);
      expectWatches(1);
      stage.world.stopContainer(plain, { dieAfterMs: 0 });
      await stage.pass(100);
      expectWatches(1);
      stage.world.stopContainer(tagged, { dieAfterMs: 0 });
      await stage.pass(100);
      expectWatches(0);
    },
  },
  ...(['down', 'silent', 'no-quorum', 'forbidden'] as const).map((health): Scenario => ({
    id: health === 'silent' || health === 'no-quorum' ? 'P38' : 'P14',
    title: `the last known endpoints serve while etcd is ${health}, and what changed is known after`,
    bounds: { discovery: 120_000 },
    play: async (stage) => {
      const old = await stage.serve('/a', '10.1.0.1:80');
      const web = stage.start('web', ['/a;80']);
      await stage.pass(1_000);
      begin(stage, health);
      const young = await stage.serve('/a', '10.1.0.2:80');
      stage.deregister('/a', old);
      for (let n = 0; n < 6; n += 1) {
        await stage.pass(10_000);
        await stage.expectServed(web, 80, old);
      }
      end(stage);
      await stage.pass(SILENCE_MS + BACKOFF_CAP_MS);
      await stage.expectServed(web, 80, young);
    },
  })),
  {
    id: 'P16',
    title: 'what happened before a compaction that cut the watch is known after the next list',
    bounds: { discovery: BACKOFF_CAP_MS + 1_500 },
    play: async (stage) => {
      const old = await stage.serve('/a', '10.1.0.1:80');
      const web = stage.start('web', ['/a;80']);
      await stage.pass(1_000);
      stage.world.sources.store?.cutWatches();
      stage.deregister('/a', old);
      const young = await stage.serve('/a', '10.1.0.2:80');
      stage.world.sources.store?.compact();
      await stage.pass(BACKOFF_CAP_MS);
      await stage.expectServed(web, 80, young);
    },
  },
  {
    id: 'P33',
    title: 'a call waits for a service that is not known yet, and is served when it is',
    startsLate: true,
    bounds: { discovery: 10_000 },
    play: async (stage) => {
      const endpoint = await stage.serve('/a', '10.1.0.1:80');
      begin(stage, 'down');
      await stage.world.start();
      const web = stage.start('web', ['/a;80']);
      await stage.pass(100);
      const call = stage.begin(web, 80);
      await stage.pass(500);
      stage.expect('the call waits', call.outcome?.kind, call.outcome === undefined);
      end(stage);
      await stage.pass(UNKNOWN_WAIT_MS);
      stage.expect('the call is served', call.outcome?.kind, call.outcome?.kind === 'reached');
      await stage.expectServed(web, 80, endpoint);
    },
  },
  {
    id: 'P33',
    title: 'a call waits a bounded time for a service that stays unknown, and is refused',
    startsLate: true,
    play: async (stage) => {
      begin(stage, 'down');
      await stage.world.start();
      const web = stage.start('web', ['/a;80']);
      await stage.pass(100);
      const call = stage.begin(web, 80);
      await stage.pass(UNKNOWN_WAIT_MS - 100);
      stage.expect('the call waits', call.outcome?.kind, call.outcome === undefined);
      await stage.pass(200);
      stage.expect('the call is refused', call.outcome?.kind, call.outcome?.kind === 'refused');
      end(stage);
    },
  },
  {
    id: 'P34',
    title: 'an endpoint that went while the watch was cut serves nobody after the next list',
    bounds: { discovery: BACKOFF_CAP_MS + 1_500 },
    play: async (stage) => {
      const gone = await stage.serve('/a', '10.1.0.1:80');
      const stays = await stage.serve('/a', '10.1.0.2:80');
      const web = stage.start('web', ['/a;80']);
      await stage.pass(1_000);
      stage.world.sources.store?.cutWatches();
      stage.deregister('/a', gone);
      await stage.pass(BACKOFF_CAP_MS);
      for (let n = 0; n < 4; n += 1) await stage.expectServed(web, 80, stays);
    },
  },
];

function begin(stage: Stage, health: EtcdHealth): void {
  stage.world.truth.outageBegan('etcd');
  stage.world.sources.store?.setHealth(health);
  // A watch that is open outlives the right to open one.
  if (health === 'forbidden') stage.world.sources.store?.cutWatches();
}

function end(stage: Stage): void {
  stage.world.sources.store?.setHealth('up');
  stage.world.truth.outageEnded('etcd');
}
