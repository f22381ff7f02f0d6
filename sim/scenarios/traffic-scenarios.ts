import { ConnectionLostError } from '../../src/ports/connection.ts';
import { socketAddress } from './stage.ts';
import type { Endpoint } from '../../src/domain/endpoint.ts';
import type { Connection } from '../../src/ports/connection.ts';
import type { Scenario } from './scenario.ts';
import type { Stage } from './stage.ts';

const CONSUMER = '172.17.0.2';
const MEGABYTES = 10;
const MEGABYTE = 1_000_000;

/** A multiple of three, for three ports. */
const CONNECTIONS = 3_000;

/** How long the first ejection of an endpoint lasts. */
const EJECTED_MS = 30_000;

/** How connections live and end, and how endpoints that fail are treated. */
export const TRAFFIC_SCENARIOS: readonly Scenario[] = [
  {
    id: 'D02',
    title: 'thousands of connections leave nothing behind',
    play: async (stage) => {
      await stage.serve('/a', '10.1.0.1:80');
      await stage.serve('/a', '10.1.0.2:80');
      const web = stage.start('web', ['/a;80', '/a;81;balance=least-connections']);
      await stage.pass(500);
      const timers = stage.clock.pendingTimers;
      for (let n = 0; n < CONNECTIONS / 3; n += 1) {
        for (const port of [80, 81, 82]) stage.begin(web, port, { bytes: 10 });
        await stage.pass(10);
      }
      await stage.pass(1_000);
      const kept = Object.entries(stage.world.proxier.kept).filter(([, count]) => count > 0);
      stage.expect('nothing is kept', kept.join(', '), kept.length === 0);
      stage.expect('no timer more', stage.clock.pendingTimers - timers, stage.clock.pendingTimers <= timers);
      const [served, refused] = ['dialled', 'refused unbound'].map((name) => stage.world.metrics.count(name));
      const seen = `${served ?? 0} served, ${refused ?? 0} refused`;
      stage.expect('all served or refused', seen, (served ?? 0) + (refused ?? 0) === CONNECTIONS);
    },
  },
  {
    id: 'P20',
    title: 'all of 10 MB arrives that an endpoint sends after the consumer has ended its side',
    play: async (stage) => {
      await listen(stage, '10.1.0.9:80', async (connection) => {
        while ((await connection.read()) !== undefined);
        for (let n = 0; n < MEGABYTES; n += 1) await connection.write(new Uint8Array(MEGABYTE));
        connection.shutdownWrite();
      });
      const connection = await connected(stage);
      await connection.write(new TextEncoder().encode('all of it, please'));
      connection.shutdownWrite();
      const counting = countBytes(connection);
      await stage.pass(10_000);
      const bytes = await counting;
      stage.expect(`${MEGABYTES * MEGABYTE} bytes`, bytes, bytes === MEGABYTES * MEGABYTE);
    },
  },
  {
    id: 'P21',
    title: 'a half-closed connection on which nothing moves ends after the half-close time limit',
    play: async (stage) => {
      await listen(stage, '10.1.0.9:80', async (connection) => {
        while ((await connection.read()) !== undefined);
      });
      const connection = await connected(stage);
      connection.shutdownWrite();
      await stage.pass(59_000);
      stage.expect('it is open', 'gone', stage.world.proxier.openConnections === 1);
      await stage.pass(2_000);
      stage.expect('it has ended', 'open', stage.world.proxier.openConnections === 0);
    },
  },
  {
    id: 'P22',
    title: 'a connection to an endpoint that vanished is given up',
    play: async (stage) => {
      const host = await listen(stage, '10.1.0.9:80', async (connection) => {
        while ((await connection.read()) !== undefined);
      });
      await connected(stage);
      host.leave('vanish');
      await stage.pass(31_000);
      stage.expect('it has ended', 'open', stage.world.proxier.openConnections === 0);
    },
  },
  {
    id: 'P25',
    title: 'a connection to a removed endpoint goes on for the drain and is cut then',
    play: async (stage) => {
      const { endpoint } = await listen(stage, '10.1.0.9:80', async (connection) => {
        while ((await connection.read()) !== undefined);
      });
      await connected(stage);
      stage.deregister('/a', endpoint);
      await stage.pass(59_000);
      stage.expect('it goes on', 'cut', stage.world.proxier.openConnections === 1);
      await stage.pass(2_000);
      stage.expect('it is cut', 'open', stage.world.proxier.openConnections === 0);
    },
  },
  {
    id: 'P35',
    title: 'a service of which every endpoint fails keeps one that is dialled, and is served when they work',
    play: async (stage) => {
      const endpoints = [await stage.serve('/a', '10.1.0.1:80'), await stage.serve('/a', '10.1.0.2:80')];
      const web = stage.start('web', ['/a;80']);
      await stage.pass(500);
      for (const endpoint of endpoints) await stage.setAccepting(endpoint, false);
      const dials = (): number => stage.world.metrics.count('dial failed');
      for (let n = 0; n < 20; n += 1) {
        const before = dials();
        await stage.expectRefused(web, 80);
        stage.expect('an endpoint is dialled', 'none', dials() > before);
      }
      for (const endpoint of endpoints) await stage.setAccepting(endpoint, true);
      await stage.expectServed(web, 80);
      await stage.pass(EJECTED_MS);
      const served = [await stage.call(web, 80), await stage.call(web, 80)];
      stage.expect('both serve again', served.join(', '), new Set(served).size === 2);
    },
  },
  {
    id: 'P36',
    title: 'a call is served by the one of three endpoints that accepts',
    play: async (stage) => {
      const endpoints = [];
      for (const n of [1, 2, 3]) endpoints.push(await stage.serve('/a', `10.1.0.${n}:80`));
      const web = stage.start('web', ['/a;80']);
      await stage.pass(500);
      for (const endpoint of endpoints.slice(0, 2)) await stage.setAccepting(endpoint, false);
      for (let n = 0; n < 10; n += 1) await stage.expectServed(web, 80, endpoints[2]);
    },
  },
  {
    id: 'C5',
    title: 'of five endpoints that refuse three are dialled, each once, and the call is refused',
    play: async (stage) => {
      for (const n of [1, 2, 3, 4, 5]) {
        await stage.setAccepting(await stage.serve('/a', `10.1.0.${n}:80`), false);
      }
      const web = stage.start('web', ['/a;80', '/a;81;balance=maglev']);
      await stage.pass(500);
      for (const port of [80, 81]) {
        const before = stage.world.metrics.count('dial failed');
        await stage.expectRefused(web, port);
        const dials = stage.world.metrics.count('dial failed') - before;
        stage.expect('three dials', dials, dials === 3);
      }
    },
  },
  {
    id: 'P37',
    title: 'a stop lets connections end that need less than the drain, and takes no new one',
    play: async (stage) => {
      await stage.serve('/a', '10.1.0.1:80');
      const web = stage.start('web', ['/a;80']);
      await stage.pass(500);
      const call = stage.begin(web, 80, { bytes: 20_000, pauseMs: 1_000 });
      await stage.pass(500);
      const late = stage.clock.schedule(1_000, () => {
        lateCall = stage.begin(web, 80);
      });
      let lateCall: ReturnType<Stage['begin']> | undefined;
      await stage.stop();
      late();
      const { outcome } = call;
      stage.expect('it ends whole', outcome?.kind, outcome?.kind === 'reached' && outcome.isWhole);
      const kind = lateCall?.outcome?.kind;
      stage.expect('a new one is refused', kind, kind === 'refused');
    },
  },
];

/** An endpoint of service `/a` with a way of its own to answer. */
async function listen(
  stage: Stage,
  at: string,
  answer: (connection: Connection) => Promise<void>,
): Promise<{ readonly endpoint: Endpoint; leave(how: 'reset' | 'vanish'): void }> {
  const host = stage.world.network.host([socketAddress(at).address]);
  await host.listen(socketAddress(at), (connection) => {
    answer(connection).catch((error: unknown) => {
      if (!(error instanceof ConnectionLostError)) throw error;
    });
  });
  const endpoint = stage.register('/a', at);
  return {
    endpoint,
    leave: (how) => {
      host.leave(how);
    },
  };
}

/** A container that wants service `/a`, and its connection to it. */
async function connected(stage: Stage): Promise<Connection> {
  stage.start('web', ['/a;80']);
  await stage.pass(500);
  return stage.dial(CONSUMER, 80);
}

/** Reads to the end and counts; what came before a loss counts, too. */
async function countBytes(connection: Connection): Promise<number> {
  let count = 0;
  try {
    for (let chunk = await connection.read(); chunk !== undefined; chunk = await connection.read()) {
      count += chunk.length;
    }
  } catch (error) {
    if (!(error instanceof ConnectionLostError)) throw error;
  }
  return count;
}
