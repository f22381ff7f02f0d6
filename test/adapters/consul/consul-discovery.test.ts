import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ConsulDiscovery } from '../../../src/adapters/consul/consul-discovery.ts';
import { SimClock } from '../../../sim/clock.ts';
import { ConsulCatalog } from '../../../sim/consul/consul-catalog.ts';
import { SimConsulClient } from '../../../sim/consul/sim-consul-client.ts';
import { SeededRandom } from '../../../sim/random.ts';
import { DiscoveryView, service } from '../../support/discovery-view.ts';
import { settle } from '../../support/settle.ts';
import type { ConsulDiscoveryOptions } from '../../../src/adapters/consul/consul-discovery.ts';
import type { ConsulHealth, SimCheck } from '../../../sim/consul/consul-catalog.ts';

const WEB = service('web');
const A = '10.0.0.1:80';
const B = '10.0.0.2:80';

interface World {
  readonly clock: SimClock;
  readonly catalog: ConsulCatalog;
  readonly client: SimConsulClient;
  readonly discovery: ConsulDiscovery;
}

function world(options: Partial<ConsulDiscoveryOptions> & { readonly seed?: number } = {}): World {
  const { seed = 1, ...rest } = options;
  const clock = new SimClock(settle);
  const catalog = new ConsulCatalog({ clock });
  const client = new SimConsulClient({ clock, catalogs: [catalog] });
  const random = new SeededRandom(seed);
  const discovery = new ConsulDiscovery({ client, clock, random }, { name: 'consul', ...rest });
  return { clock, catalog, client, discovery };
}

function put(catalog: ConsulCatalog, name: string, n: number, check: SimCheck = 'passing'): void {
  catalog.register(name, { node: 'n1', id: `${name}-${n}`, address: `10.0.0.${n}`, port: 80, check });
}

/** A world with two endpoints that are seen, and another service beside. */
async function watched(
  options: Partial<ConsulDiscoveryOptions> = {},
): Promise<World & { readonly view: DiscoveryView }> {
  const made = world(options);
  put(made.catalog, 'web', 1);
  put(made.catalog, 'web', 2);
  put(made.catalog, 'other', 9);
  const view = new DiscoveryView(made.discovery, WEB);
  await made.clock.advance(100);
  assert.deepEqual(view.addresses, [A, B]);
  return { ...made, view };
}

/** The last snapshot told. */
function lastSnapshot(view: DiscoveryView): { readonly evidence: string; readonly count: number } {
  const item = view.items.findLast(({ kind }) => kind === 'snapshot');
  assert.ok(item?.kind === 'snapshot');
  return { evidence: item.evidence, count: item.endpoints.length };
}

describe('ConsulDiscovery', () => {
  describe('what proves a loss [C7]', () => {
    const rows: readonly {
      readonly name: string;
      readonly act: (catalog: ConsulCatalog) => void;
      readonly last: 'changes' | 'snapshot' | 'forbidden' | 'unreachable';
      readonly left: readonly string[];
      readonly evidence?: 'hearsay';
    }[] = [
      {
        name: '[D05] an instance listed as failing is gone at once',
        act: (catalog) => {
          catalog.setCheck('web', 'n1', 'web-1', 'critical');
        },
        last: 'changes',
        left: [B],
      },
      {
        name: 'an instance in maintenance is gone at once',
        act: (catalog) => {
          catalog.setCheck('web', 'n1', 'web-1', 'maintenance');
        },
        last: 'changes',
        left: [B],
      },
      {
        name: 'an instance with a warning is gone by default',
        act: (catalog) => {
          catalog.setCheck('web', 'n1', 'web-1', 'warning');
        },
        last: 'changes',
        left: [B],
      },
      {
        name: 'a deregistered instance is gone once a consistent read agrees',
        act: (catalog) => {
          catalog.deregister('web', 'n1', 'web-1');
        },
        last: 'changes',
        left: [B],
      },
      {
        name: 'a service scaled to zero is empty at once',
        act: (catalog) => {
          catalog.deregister('web', 'n1', 'web-1');
          catalog.deregister('web', 'n1', 'web-2');
        },
        last: 'changes',
        left: [],
      },
      {
        name: '[P12] the empty answer of a follower that just started is not believed',
        act: (catalog) => {
          catalog.isFresh = true;
          catalog.wakeForNothing('web');
        },
        last: 'snapshot',
        left: [A, B],
      },
      {
        name: '[P13] a list that rights emptied is a rights problem',
        act: (catalog) => {
          catalog.setHealth('blind');
          catalog.wakeForNothing('web');
        },
        last: 'forbidden',
        left: [A, B],
      },
      {
        name: '[P13] a list that rights emptied is one also where only a header says so',
        act: (catalog) => {
          catalog.rights = 'unknown';
          catalog.tellsFiltered = true;
          catalog.setHealth('blind');
          catalog.wakeForNothing('web');
        },
        last: 'forbidden',
        left: [A, B],
      },
      {
        name: 'a loss without proven rights is hearsay',
        act: (catalog) => {
          catalog.rights = 'unknown';
          catalog.deregister('web', 'n1', 'web-1');
        },
        last: 'snapshot',
        left: [B],
        evidence: 'hearsay',
      },
      {
        name: 'a loss behind a proxy that lets no question about rights by is hearsay',
        act: (catalog) => {
          catalog.rights = 'refused';
          catalog.deregister('web', 'n1', 'web-1');
        },
        last: 'snapshot',
        left: [B],
        evidence: 'hearsay',
      },
      {
        name: 'without access control there are no rights to prove',
        act: (catalog) => {
          catalog.hasAcl = false;
          catalog.deregister('web', 'n1', 'web-1');
        },
        last: 'changes',
        left: [B],
      },
      {
        name: 'a token that is no longer known is rejected',
        act: (catalog) => {
          catalog.setHealth('refusing');
        },
        last: 'forbidden',
        left: [A, B],
      },
      {
        name: '[P12] no cluster leader is an outage',
        act: (catalog) => {
          catalog.cutAll();
          catalog.setHealth('leaderless');
        },
        last: 'unreachable',
        left: [A, B],
      },
      {
        name: 'a page of a proxy is an outage',
        act: (catalog) => {
          catalog.cutAll();
          catalog.setHealth('foreign');
        },
        last: 'unreachable',
        left: [A, B],
      },
      {
        name: 'JSON of another shape is an outage',
        act: (catalog) => {
          catalog.cutAll();
          catalog.setHealth('misshapen');
        },
        last: 'unreachable',
        left: [A, B],
      },
      {
        name: 'an empty store proves nothing',
        act: (catalog) => {
          catalog.wipe();
        },
        last: 'snapshot',
        left: [],
        evidence: 'hearsay',
      },
    ];
    for (const { name, act, last, left, evidence } of rows) {
      for (const sockets of [64, 2]) {
        it(`${name} (${sockets === 2 ? 'shared queries' : 'a query of its own'})`, async () => {
          const { catalog, clock, view } = await watched({ sockets });
          act(catalog);
          await clock.advance(12_000);
          assert.equal(view.kinds.at(-1), last, JSON.stringify(view.items));
          assert.deepEqual(view.addresses, left);
          if (evidence !== undefined) assert.equal(lastSnapshot(view).evidence, evidence);
          await view[Symbol.asyncDispose]();
          await clock.advance(0);
          assert.equal(clock.pendingTimers, 0);
        });
      }
    }
  });

  it('[P13] says forbidden, not empty, of a service that rights hide from the start', async () => {
    const { catalog, clock, discovery } = world();
    put(catalog, 'web', 1);
    catalog.setHealth('blind');
    const view = new DiscoveryView(discovery, WEB);
    await clock.advance(20_000);
    assert.deepEqual(view.kinds, ['forbidden']);
    const [item] = view.items;
    assert.ok(item?.kind === 'forbidden');
    assert.match(item.reason, /rejected the question for want of service:read on "web"/);
    catalog.setHealth('up');
    await clock.advance(6_000);
    assert.deepEqual(view.addresses, ['10.0.0.1:80']);
    await view[Symbol.asyncDispose]();
  });

  it('keeps suspecting what an emptied store lacks, until it is registered again', async () => {
    const { catalog, clock, view } = await watched();
    catalog.wipe();
    await clock.advance(5_000);
    assert.deepEqual(lastSnapshot(view), { evidence: 'hearsay', count: 0 });
    put(catalog, 'other', 9);
    put(catalog, 'web', 1);
    await clock.advance(5_000);
    assert.deepEqual(lastSnapshot(view), { evidence: 'hearsay', count: 1 });
    put(catalog, 'web', 2);
    await clock.advance(5_000);
    assert.deepEqual(lastSnapshot(view), { evidence: 'authoritative', count: 2 });
    await view[Symbol.asyncDispose]();
  });

  it('[C7] takes an empty answer of an empty store for hearsay only', async () => {
    const { catalog, clock, view } = await watched();
    for (const n of [1, 2]) catalog.deregister('web', 'n1', `web-${n}`);
    catalog.deregister('other', 'n1', 'other-9');
    await clock.advance(2_000);
    assert.deepEqual(lastSnapshot(view), { evidence: 'hearsay', count: 0 });
    await view[Symbol.asyncDispose]();
  });

  it('keeps the last good endpoint of an instance that goes bad, and names it once', async () => {
    const { catalog, clock, view } = await watched();
    const bad = { node: 'n1', id: 'web-1', address: '10.0.0.1', port: 0 };
    catalog.register('web', { ...bad, check: 'passing' });
    await clock.advance(150_000);
    assert.deepEqual(view.addresses, [A, B]);
    const problem = /^consul service web, instance web-1 at node n1: Service\.Port: '0' is not a port/;
    assert.equal(view.problems.length, 1);
    assert.match(view.problems[0] ?? '', problem);
    catalog.setCheck('web', 'n1', 'web-1', 'critical');
    await clock.advance(1_000);
    assert.deepEqual(view.addresses, [B]);
    await view[Symbol.asyncDispose]();
  });

  it('keeps instances with a warning where told to, with the weight they ask for', async () => {
    const { catalog, clock, discovery } = world({ keepsWarning: true });
    const at = { node: 'n1', id: 'a', address: '10.0.0.1', port: 80 };
    catalog.register('web', { ...at, check: 'passing', weights: { passing: 10, warning: 3 } });
    const view = new DiscoveryView(discovery, WEB);
    await clock.advance(100);
    assert.deepEqual(
      view.endpoints.map(({ weight }) => weight),
      [10],
    );
    catalog.setCheck('web', 'n1', 'a', 'warning');
    await clock.advance(2_000);
    assert.deepEqual(
      view.endpoints.map(({ weight }) => weight),
      [3],
    );
    await view[Symbol.asyncDispose]();
  });

  it('[P11] asks no faster than its pace, however often the server answers', async () => {
    const { catalog, client, clock, view } = await watched();
    const before = client.asked.length;
    for (let ms = 0; ms < 60_000; ms += 10) {
      catalog.wakeForNothing('web');
      await clock.advance(10);
    }
    const asked = client.asked.length - before;
    assert.ok(asked <= 130, `${asked} questions in a minute`);
    assert.deepEqual(view.kinds, ['snapshot']);
    await view[Symbol.asyncDispose]();
  });

  it('[P34] repairs a missed event within the resync interval, and asks little in between', async () => {
    const { client, clock, view } = await watched();
    const before = client.asked.length;
    await clock.advance(121_000);
    assert.deepEqual(view.kinds, ['snapshot', 'snapshot']);
    assert.ok(client.asked.length - before <= 6, `${client.asked.length - before} questions`);
    await view[Symbol.asyncDispose]();
  });

  it('gives up a question that the server never answers, after what Consul allows itself', async () => {
    const { catalog, clock, view } = await watched();
    catalog.setHealth('silent');
    await clock.advance(37_000 + 8_000 + 500);
    assert.equal(view.kinds.at(-1), 'unreachable');
    await view[Symbol.asyncDispose]();
    assert.equal(clock.pendingTimers, 0);
  });

  it('[P14] goes on with the next server when one dies, without an outage', async () => {
    const clock = new SimClock(settle);
    const [first, second] = [new ConsulCatalog({ clock }), new ConsulCatalog({ clock })];
    for (const catalog of [first, second]) put(catalog, 'web', 1);
    const client = new SimConsulClient({ clock, catalogs: [first, second] });
    const random = new SeededRandom(1);
    const discovery = new ConsulDiscovery({ client, clock, random }, { name: 'consul' });
    const view = new DiscoveryView(discovery, WEB);
    await clock.advance(100);
    first.setHealth('down');
    await clock.advance(1_000);
    put(second, 'web', 2);
    await clock.advance(1_000);
    assert.deepEqual(view.addresses, [A, B]);
    assert.ok(!view.kinds.includes('unreachable'));
    await view[Symbol.asyncDispose]();
  });

  it('watches a thousand services with no more blocking queries than sockets', async () => {
    const { catalog, client, clock, discovery } = world({ sockets: 64 });
    const names = Array.from({ length: 1_000 }, (_, index) => `s${index}`);
    for (const name of names) put(catalog, name, 1);
    const views = names.map((name) => new DiscoveryView(discovery, service(name)));
    await clock.advance(15_000);
    for (const view of views) assert.deepEqual(view.addresses, [A]);
    assert.equal(client.blockingMax, 64);
    const before = client.asked.length;
    put(catalog, 's999', 2);
    put(catalog, 's0', 2);
    await clock.advance(300);
    for (const index of [0, 999]) assert.deepEqual(views[index]?.addresses, [A, B]);
    await clock.advance(12_000);
    const asked = client.asked.length - before;
    assert.ok(asked <= 20, `${asked} questions for two changes`);
    catalog.register('s998', { node: 'n1', id: 'x', address: '10.0.0.7', port: 80 });
    await clock.advance(12_000);
    assert.deepEqual(views[998]?.addresses, [A, '10.0.0.7:80'], 'an instance without a check is found');
    for (const view of views) await view[Symbol.asyncDispose]();
    await clock.advance(0);
    assert.equal(clock.pendingTimers + catalog.followers, 0);
  });

  it('answers a probe with what is wrong', async () => {
    const rows: readonly (readonly [ConsulHealth, string | undefined])[] = [
      ['up', undefined],
      ['blind', undefined],
      ['refusing', 'forbidden'],
      ['leaderless', 'unreachable'],
      ['foreign', 'unreachable'],
      ['silent', 'unreachable'],
    ];
    for (const [health, expected] of rows) {
      const { catalog, clock, discovery } = world();
      catalog.setHealth(health);
      const asked = discovery.probe({ signal: new AbortController().signal });
      await clock.advance(9_000);
      assert.equal((await asked)?.kind, expected, health);
    }
  });

  const n = fc.integer({ min: 1, max: 4 });
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('put' as const),
      n,
      check: fc.constantFrom<SimCheck>('passing', 'critical', 'warning'),
    }),
    fc.record({ kind: fc.constant('remove' as const), n }),
    fc.record({ kind: fc.constantFrom('cut' as const, 'wipe' as const, 'wake' as const) }),
    fc.record({ kind: fc.constant('fresh' as const), isFresh: fc.boolean() }),
    fc.record({
      kind: fc.constant('health' as const),
      health: fc.constantFrom<ConsulHealth>(
        'up',
        'down',
        'silent',
        'leaderless',
        'refusing',
        'blind',
        'foreign',
      ),
    }),
    fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(0, 1, 2, 300, 6_000) }),
  );

  it('[P14] ends with what the catalog holds, whatever happened', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.constantFrom(2, 64), async (steps, sockets) => {
        const { catalog, clock, discovery } = world({ sockets });
        put(catalog, 'other', 9);
        const view = new DiscoveryView(discovery, WEB);
        for (const action of steps) {
          switch (action.kind) {
            case 'put':
              put(catalog, 'web', action.n, action.check);
              break;
            case 'remove':
              catalog.deregister('web', 'n1', `web-${action.n}`);
              break;
            case 'cut':
              catalog.cutAll();
              break;
            case 'wipe':
              catalog.wipe();
              break;
            case 'wake':
              catalog.wakeForNothing('web');
              break;
            case 'fresh':
              catalog.isFresh = action.isFresh;
              break;
            case 'health':
              catalog.setHealth(action.health);
              break;
            case 'pass':
              await clock.advance(action.ms);
              break;
          }
        }
        catalog.isFresh = false;
        catalog.setHealth('up');
        await clock.advance(150_000);
        assert.deepEqual(view.addresses, passing(catalog));
        await view[Symbol.asyncDispose]();
        await clock.advance(0);
        assert.equal(clock.pendingTimers + catalog.followers, 0);
      }),
      { numRuns: 60 },
    );
  });
});

/** The addresses of what passes, as the catalog itself says. */
function passing(catalog: ConsulCatalog): readonly string[] {
  const entries = catalog.instances('web') as readonly {
    readonly Service: { readonly Address: string; readonly Port: number };
    readonly Checks: readonly { readonly Status: string }[];
  }[];
  return entries
    .filter(({ Checks: checks }) => checks.every(({ Status: status }) => status === 'passing'))
    .map(({ Service: { Address: address, Port: port } }) => `${address}:${port}`)
    .sort();
}
