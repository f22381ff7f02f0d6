import { ADDRESS_HANDOVER } from '../../../sim/checkers/address-handover.ts';
import { BOUNDS_HOLD } from '../../../sim/checkers/bounds-hold.ts';
import { BYTES_ARRIVE } from '../../../sim/checkers/bytes-arrive.ts';
import { CAPTURED } from '../../../sim/checkers/captured.ts';
import { DIALS_END } from '../../../sim/checkers/dials-end.ts';
import { EJECTION_LEAVES_SOME } from '../../../sim/checkers/ejection-leaves-some.ts';
import { ENDPOINT_OF_SERVICE } from '../../../sim/checkers/endpoint-of-service.ts';
import { LEAST_BUSY } from '../../../sim/checkers/least-busy.ts';
import { NOTHING_KEPT } from '../../../sim/checkers/nothing-kept.ts';
import { OUTAGE_SERVES } from '../../../sim/checkers/outage-serves.ts';
import { ROUND_ROBIN_TURN } from '../../../sim/checkers/round-robin-turn.ts';
import { TABLE_IS_FRESH } from '../../../sim/checkers/table-is-fresh.ts';
import { UNBOUND_REFUSED } from '../../../sim/checkers/unbound-refused.ts';
import { LIMITS_DEFAULT } from '../../../sim/embassy.ts';
import { endpointKey } from '../../../src/domain/endpoint.ts';
import { RoutingTable } from '../../../src/domain/routing-table.ts';
import { at } from '../../support/addresses.ts';
import { binding, poolOf } from '../../support/bindings.ts';
import type { IptablesClient } from '../../../src/adapters/iptables/iptables-client.ts';
import type { Breakage } from '../../../sim/embassy.ts';
import type { KnownPool } from '../../../sim/observer.ts';
import type { RunOptions } from '../../../sim/run.ts';
import type { Pick, PickRequest } from '../../../src/domain/route.ts';
import type { Clock } from '../../../src/ports/clock.ts';
import type { Connection } from '../../../src/ports/connection.ts';
import type { Dialer } from '../../../src/ports/dialer.ts';
import type { Discovery, DiscoveryItem } from '../../../src/ports/discovery.ts';
import type { Provider, ProviderItem } from '../../../src/ports/provider.ts';
import type { Proxier } from '../../../src/ports/proxier.ts';
import type { Relay } from '../../../src/ports/relay.ts';

/** Within what may pass unnoticed by other checkers: 1.5 s. */
const LATE_MS = 1_000;

const { signal: never } = new AbortController();

/** Code that is broken on purpose, and the checkers that must notice; where it is one, no other may. */
export interface BrokenVariant {
  readonly name: string;
  readonly checkers: readonly string[];
  readonly breakage: Breakage;
  /** Where the usual run does not meet it. */
  readonly options?: Partial<RunOptions>;
}

/** For each checker at least one variant that it alone notices. */
export const BROKEN: readonly BrokenVariant[] = [
  {
    name: '[D01] a proxier that accepts what is unbound and never ends it',
    checkers: [UNBOUND_REFUSED],
    breakage: { proxier: (proxier) => withTables(proxier, neverEmpty) },
  },
  {
    name: 'a proxier that serves a port to whoever asks',
    checkers: [UNBOUND_REFUSED, ENDPOINT_OF_SERVICE],
    breakage: { proxier: (proxier) => withTables(proxier, openToAll) },
  },
  {
    name: 'a dialer that goes astray now and then',
    checkers: [ENDPOINT_OF_SERVICE],
    breakage: { dialer: astray },
    // Where no endpoint it goes astray to was once one of the address's.
    options: { seed: 3 },
  },
  {
    name: '[C10] a provider whose news come a second late',
    checkers: [ADDRESS_HANDOVER],
    breakage: {
      provider: (provider, clock) => withItems(provider, (items) => late(items, clock)),
    },
  },
  {
    name: 'a discovery that loses what comes later',
    checkers: [TABLE_IS_FRESH],
    breakage: { discovery: (discovery) => withChanges(discovery, 'remove') },
  },
  {
    name: '[D06] a discovery that loses removals',
    checkers: [ENDPOINT_OF_SERVICE, TABLE_IS_FRESH],
    breakage: { discovery: (discovery) => withChanges(discovery, 'upsert') },
  },
  {
    name: '[D04] a provider that does not tell of stopped containers',
    checkers: [TABLE_IS_FRESH],
    breakage: { provider: (provider) => withItems(provider, withoutEnds) },
  },
  {
    name: '[C6] a round-robin that serves each endpoint twice in a row',
    checkers: [ROUND_ROBIN_TURN],
    breakage: { proxier: (proxier) => withPools(proxier, 'round-robin', twiceInARow) },
  },
  {
    name: '[C6] a least-connections that likes the last endpoint best',
    checkers: [LEAST_BUSY],
    breakage: { proxier: (proxier) => withPools(proxier, 'least-connections', lastOfAll) },
  },
  {
    name: 'a dialer that goes on with what was called off',
    checkers: [DIALS_END],
    breakage: { dialer: stubborn },
    options: { minutes: 2 },
  },
  {
    name: '[P14] a discovery that takes silence for emptiness',
    checkers: [OUTAGE_SERVES],
    breakage: { discovery: forgetful },
    options: { seed: 45, minutes: 1, sources: 'adapters' },
  },
  {
    name: '[P35] an ejection that spares nobody',
    checkers: [EJECTION_LEAVES_SOME],
    breakage: { proxier: (proxier) => withPools(proxier, 'round-robin', allEjected) },
  },
  {
    name: '[P20] a relay that drops a chunk',
    checkers: [BYTES_ARRIVE],
    breakage: { relay: leaky },
  },
  {
    name: 'a proxier that does not know its limit',
    checkers: [BOUNDS_HOLD],
    breakage: { limits: () => LIMITS_DEFAULT },
    options: { limits: { maxConnections: 2 } },
  },
  {
    name: '[P28] rules that are written twice',
    checkers: [CAPTURED],
    breakage: { iptables: doubling },
  },
  {
    name: '[D03] a discovery whose watches never end',
    checkers: [NOTHING_KEPT],
    breakage: {
      discovery: (discovery) => ({
        name: discovery.name,
        watch: (service) => discovery.watch(service, { signal: never }),
        probe: async (options) => discovery.probe(options),
        [Symbol.asyncDispose]: async () => discovery[Symbol.asyncDispose](),
      }),
    },
  },
];

/** A proxier that is told other tables than the daemon's. */
function withTables(proxier: Proxier, change: (table: RoutingTable) => RoutingTable): Proxier {
  return {
    sync: async (table) => proxier.sync(change(table)),
    drain: async (deadlineMs, options) => proxier.drain(deadlineMs, options),
    [Symbol.asyncDispose]: async () => proxier[Symbol.asyncDispose](),
  };
}

/** A proxier whose pools of one policy are others; each is changed once. */
function withPools(proxier: Proxier, balance: string, change: (pool: KnownPool) => KnownPool): Proxier {
  const changed = new WeakMap<KnownPool, KnownPool>();
  const once = (pool: KnownPool): KnownPool => {
    const known = changed.get(pool) ?? change(pool);
    changed.set(pool, known);
    return known;
  };
  return withTables(proxier, (table) => {
    const routes = [...table.routes].map(([id, route]) => {
      const { pool } = route;
      const isOne = pool.state === 'known' && pool.key.balance === balance;
      return [id, isOne ? { ...route, pool: once(pool) } : route] as const;
    });
    return new RoutingTable(table.version, new Map(routes), table.bound);
  });
}

/** The table with a binding of each port for everybody. */
function openToAll(table: RoutingTable): RoutingTable {
  const routes = new Map(table.routes);
  for (const known of table.routes.values()) {
    const open = binding('*', `${known.binding.descriptor.service};${known.binding.port}`);
    routes.set(open.id, { ...known, binding: open });
  }
  return new RoutingTable(table.version, routes);
}

/** The table with a port for everybody whose service is never known, so that its connections hang. */
function neverEmpty(table: RoutingTable): RoutingTable {
  const open = binding('*', '/nowhere;9000');
  return new RoutingTable(
    table.version,
    new Map(table.routes).set(open.id, { binding: open, pool: poolOf('/nowhere;9000', undefined) }),
  );
}

function twiceInARow(pool: KnownPool): KnownPool {
  let last: Pick | undefined;
  const pick = (request: PickRequest): Pick | undefined => {
    if (request.tried.size > 0) return pool.picker.pick(request);
    const again = last;
    last = again === undefined ? pool.picker.pick(request) : undefined;
    return again ?? last;
  };
  return { ...pool, picker: { pick } };
}

function lastOfAll(pool: KnownPool): KnownPool {
  const pick = ({ tried }: PickRequest): Pick | undefined => {
    const endpoint = pool.endpoints.findLast((one) => one.weight > 0 && !tried.has(endpointKey(one)));
    return endpoint && { endpoint, release: () => undefined };
  };
  return { ...pool, picker: { pick } };
}

function allEjected(pool: KnownPool): KnownPool {
  const ejected = { kind: 'ejected', by: 'dials', untilMs: 0 } as const;
  return { ...pool, states: new Map(pool.endpoints.map((each) => [endpointKey(each), ejected])) };
}

/** Dials another endpoint than asked for, one time in twenty. */
function astray(dialer: Dialer): Dialer {
  let dials = 0;
  return {
    dial: async (to, options) => {
      dials += 1;
      return dialer.dial(dials % 20 === 0 ? at('10.1.0.12:8011') : to, options);
    },
  };
}

/** Ends with its signal, but what it began goes on to its time limit. */
function stubborn(dialer: Dialer): Dialer {
  return {
    dial: async (to, { timeoutMs, signal }) => {
      const dialling = dialer.dial(to, { timeoutMs, signal: never });
      const off = Promise.withResolvers<never>();
      const callOff = (): void => {
        off.reject(signal.reason as Error);
        dialling.then(
          (connection) => {
            connection.reset();
          },
          () => undefined,
        );
      };
      signal.addEventListener('abort', callOff, { once: true });
      try {
        return await Promise.race([dialling, off.promise]);
      } finally {
        signal.removeEventListener('abort', callOff);
      }
    },
  };
}

/** Drops the third large chunk of each direction. */
function leaky(relay: Relay): Relay {
  return async (downstream, upstream, options) => relay(leakyConnection(downstream), upstream, options);
}

function leakyConnection(connection: Connection): Connection {
  let large = 0;
  const read = async (): Promise<Uint8Array | undefined> => {
    const chunk = await connection.read();
    if (chunk === undefined || chunk.length < 4_096) return chunk;
    large += 1;
    return large === 3 ? read() : chunk;
  };
  return {
    peer: connection.peer,
    local: connection.local,
    closed: connection.closed,
    read,
    write: async (chunk) => connection.write(chunk),
    shutdownWrite: () => {
      connection.shutdownWrite();
    },
    reset: () => {
      connection.reset();
    },
    close: () => {
      connection.close();
    },
  };
}

/** A client that writes the jump to our chain a second time, behind the back of whoever counts. */
function doubling(client: IptablesClient): IptablesClient {
  return {
    save: async (place, options) => client.save(place, options),
    version: async (program, options) => client.version(program, options),
    restore: async (place, text, options) => {
      await client.restore(place, text, options);
      if (!text.includes('-I PREROUTING') && !text.includes('-A PREROUTING')) return;
      const again = '*nat\n-A PREROUTING -d 172.17.0.1/32 -p tcp -j EMBASSY\nCOMMIT\n';
      await client.restore(place, again, options);
    },
  };
}

/** A discovery that tells only changes of one kind. */
function withChanges(discovery: Discovery, kind: 'upsert' | 'remove'): Discovery {
  return withAnswers(discovery, async function* (items) {
    for await (const item of items) {
      if (item.kind !== 'changes') yield item;
      else yield { ...item, changes: item.changes.filter((change) => change.kind === kind) };
    }
  });
}

/** A discovery that tells of an outage as if nothing were there. */
function forgetful(discovery: Discovery): Discovery {
  return withAnswers(discovery, async function* (items) {
    for await (const item of items) {
      if (item.kind !== 'unreachable') yield item;
      else yield { kind: 'snapshot', endpoints: [], evidence: 'authoritative', revision: '0', problems: [] };
    }
  });
}

function withAnswers(
  discovery: Discovery,
  change: (items: AsyncIterable<DiscoveryItem>) => AsyncIterable<DiscoveryItem>,
): Discovery {
  return {
    name: discovery.name,
    watch: (service, options) => change(discovery.watch(service, options)),
    probe: async (options) => discovery.probe(options),
    [Symbol.asyncDispose]: async () => discovery[Symbol.asyncDispose](),
  };
}

function withItems(
  provider: Provider,
  change: (items: AsyncIterable<ProviderItem>) => AsyncIterable<ProviderItem>,
): Provider {
  return { name: provider.name, watch: (options) => change(provider.watch(options)) };
}

async function* withoutEnds(items: AsyncIterable<ProviderItem>): AsyncGenerator<ProviderItem, void> {
  for await (const item of items) {
    if (item.kind !== 'changes') yield item;
    else yield { ...item, changes: item.changes.filter((change) => change.kind === 'upsert') };
  }
}

/** Every item, a while after it came. */
async function* late(items: AsyncIterable<ProviderItem>, clock: Clock): AsyncGenerator<ProviderItem, void> {
  for await (const item of items) {
    await clock.sleep(LATE_MS, { signal: never });
    yield item;
  }
}
