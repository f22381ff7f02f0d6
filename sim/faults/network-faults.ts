import { WELL } from '../endpoint-hosts.ts';
import { plan } from './fault-plan.ts';
import type { SocketAddress } from '../../src/domain/address.ts';
import type { Behaviour } from '../endpoint-hosts.ts';
import type { SeededRandom } from '../random.ts';
import type { World } from '../world.ts';
import type { DrawPlan, FaultPlan } from './fault-plan.ts';

/** How many hosts one strike meets at most. */
const HOSTS_MAX = 3;

/**
 * What goes wrong between embassy and endpoints. None of it changes what embassy knows of the world, so none
 * adds to any bound; in the end, with all healed, every call must be served.
 */
export const NETWORK_FAULTS = {
  'latency spikes': (random) => {
    const extraMs = random.integer(50, 1_000);
    return each(`${extraMs} ms`, {
      strike: (world, { address }) => {
        world.network.delay(address, extraMs);
      },
      heal: (world, { address }) => {
        world.network.delay(address, 0);
      },
    });
  },
  'connections reset': () =>
    each('', {
      strike: (world, { address }) => {
        world.network.breakConnections(address);
      },
      heal: () => undefined,
    }),
  'one-way partitions': (random) => {
    const way = random.next() < 0.5 ? 'in' : 'out';
    return each(way === 'in' ? 'nothing arrives' : 'nothing comes back', {
      strike: (world, { address }) => {
        world.network.partition(address, way);
      },
      heal: (world, { address }) => {
        world.network.repair(address);
      },
    });
  },
  'endpoints hang': () => behaving('', () => ({ kind: 'hang' })),
  'hosts vanish': () => behaving('', () => ({ kind: 'vanish' })),
  'endpoints answer late': (random) => {
    const answersAfterMs = random.integer(100, 3_000);
    return behaving(`${answersAfterMs} ms`, () => ({ kind: 'accept', answersAfterMs }));
  },
  'endpoints die in mid-stream': () =>
    behaving('', (random) => ({ kind: 'accept', diesAfterBytes: random.integer(1, 20_000) })),
  'endpoints read slowly': (random) => {
    const readsEveryMs = random.integer(50, 500);
    return behaving(`${readsEveryMs} ms a chunk`, () => ({ kind: 'accept', readsEveryMs }));
  },
} as const satisfies Readonly<Record<string, DrawPlan>>;

/** A fault of some hosts that are well, until it heals. */
function each(
  words: string,
  act: {
    readonly strike: (world: World, host: SocketAddress, random: SeededRandom) => void;
    readonly heal: (world: World, host: SocketAddress) => void;
  },
): FaultPlan {
  let struck: readonly SocketAddress[] = [];
  return plan({
    words,
    lastsMs: [500, 6_000],
    pauseMs: [1_000, 8_000],
    strike: (world, random) => {
      const well = world.hosts.addresses.filter((at) => world.hosts.isWell(at));
      const count = random.integer(1, HOSTS_MAX);
      const chosen = Array.from({ length: count }, () => random.choose(well)).filter(
        (at) => at !== undefined,
      );
      struck = [...new Set(chosen)];
      for (const host of struck) {
        world.trace.event('network', `${host.address} is struck`);
        act.strike(world, host, random);
      }
    },
    heal: (world) => {
      for (const host of struck) act.heal(world, host);
      struck = [];
    },
  });
}

function behaving(words: string, draw: (random: SeededRandom) => Behaviour): FaultPlan {
  return each(words, {
    strike: (world, host, random) => {
      void world.hosts.behave(host, draw(random));
    },
    heal: (world, host) => {
      void world.hosts.behave(host, WELL);
    },
  });
}
