import assert from 'node:assert/strict';
import { SimResolver } from '../../sim/resolver.ts';
import { SimClock } from '../../sim/clock.ts';
import { MemoryLog } from '../../sim/log.ts';
import { MemoryDiscovery } from '../../sim/memory-discovery.ts';
import { MemoryMetrics } from '../../sim/metrics.ts';
import { MemoryProvider } from '../../sim/memory-provider.ts';
import { SeededRandom } from '../../sim/random.ts';
import { CaptureKeeper } from '../../src/app/capture-keeper.ts';
import { Daemon } from '../../src/app/daemon.ts';
import { RESILIENCE_DEFAULT } from '../../src/app/pool.ts';
import { SourceUnreachable } from '../../src/app/source-unreachable.ts';
import { bindingId } from '../../src/domain/binding.ts';
import { consumerId } from '../../src/domain/consumer.ts';
import { at } from '../support/addresses.ts';
import { DEFAULTS, consumer, serviceName } from '../support/bindings.ts';
import { address, endpoint, port } from '../support/endpoints.ts';
import { PROBER } from '../support/pools.ts';
import { settle } from '../support/settle.ts';
import type { AccessPolicy } from '../../src/domain/access-policy.ts';
import type { Capture } from '../../src/ports/redirector.ts';
import type { DaemonOptions } from '../../src/app/daemon.ts';
import type { IpAddress } from '../../src/domain/address.ts';
import type { RoutingTable } from '../../src/domain/routing-table.ts';
import type { Proxier } from '../../src/ports/proxier.ts';

const OPTIONS: DaemonOptions = {
  defaults: DEFAULTS,
  maxBindings: 256,
  lossHoldMs: 10_000,
  resilience: RESILIENCE_DEFAULT,
  unknownWaitMs: 3_000,
  drainMs: 8_000,
  failFast: false,
};
const C1 = address('172.17.0.2');
const A = serviceName('/a');

describe('Daemon', () => {
  it('binds what a container wants and follows the endpoints of its service', async () => {
    const bench = start();
    bench.discovery.setEndpoints(A, [endpoint(1)]);
    bench.provider.put(consumer('web', { wants: ['/a;80'] }));
    await bench.clock.advance(100);
    assert.deepEqual(bench.reached(C1, 80), ['10.0.0.2']);
    assert.deepEqual(bench.log.messages('info'), [
      'bound web (172.17.0.2): port 80/tcp → /a',
      'service /a has 1 endpoint: 10.0.0.2:80',
    ]);
    bench.discovery.put(A, endpoint(2));
    await bench.clock.advance(100);
    assert.deepEqual(bench.reached(C1, 80), ['10.0.0.2', '10.0.0.3']);
    bench.provider.remove(consumerId('web'));
    await bench.clock.advance(100);
    assert.equal(bench.reached(C1, 80), undefined);
    assert.deepEqual(bench.log.messages('info').slice(-1), ['unbound web (172.17.0.2): port 80/tcp → /a']);
    assert.deepEqual(bench.discovery.watched, []);
    await bench.stop();
  });

  it('makes one sync of a burst of changes, with a version that counts up', async () => {
    const bench = start();
    await bench.clock.advance(100);
    const before = bench.proxier.tables.length;
    for (let n = 0; n < 50; n += 1) {
      bench.provider.put(consumer(`c${n}`, { addresses: [`172.17.1.${n}`], wants: ['/a;80'] }));
    }
    await bench.clock.advance(1_000);
    assert(bench.proxier.tables.length - before <= 2, 'a burst is a sync or two');
    const versions = bench.proxier.tables.map((table) => table.version);
    assert.deepEqual(
      versions,
      versions.map((_version, index) => index + 1),
    );
    await bench.stop();
  });

  it('holds bindings against the newest policy, and says what it denies', async () => {
    const bench = start();
    const anybody = { name: undefined, image: undefined, network: undefined, label: undefined };
    const allowing = (...services: string[]): AccessPolicy => ({
      source: 'p.yaml',
      rules: [{ containers: anybody, services, except: [] }],
    });
    bench.daemon.setPolicy(allowing('/a'));
    const traits = { image: 'shop:1', labels: [] };
    bench.provider.put({ ...consumer('web', { wants: ['/a;80', '/b;81'] }), traits });
    await bench.clock.advance(100);
    const [bound, denied] = [80, 81].map((at) => bindingId(C1, 'tcp', port(at)));
    assert(bound !== undefined && denied !== undefined);
    assert.deepEqual([...bench.daemon.table.routes.keys()], [bound]);
    assert.deepEqual([bench.daemon.denies(bound), bench.daemon.denies(denied)], [false, true]);
    bench.daemon.setPolicy(allowing('/b'));
    await bench.clock.advance(100);
    assert.deepEqual([...bench.daemon.table.routes.keys()], [denied]);
    assert.deepEqual([bench.daemon.denies(bound), bench.daemon.denies(denied)], [true, false]);
    assert.equal(bench.log.messages('warn').length, 2);
    bench.daemon.setPolicy(undefined);
    await bench.clock.advance(100);
    assert.equal(bench.daemon.table.routes.size, 2);
    await bench.stop();
  });

  it('takes the weight of an endpoint from the label of its container, while that is there', async () => {
    const bench = start();
    bench.discovery.setEndpoints(A, [endpoint(1), endpoint(2)]);
    bench.provider.put(consumer('web', { wants: ['/a;80'] }));
    const labels = [['embassy.endpoint.weight', '5']] as const;
    const own = consumer('own', { addresses: [endpoint(1).address] });
    bench.provider.put({ ...own, traits: { image: 'shop:1', labels } });
    await bench.clock.advance(100);
    const weights = (): readonly number[] =>
      [...bench.daemon.table.routes.values()].flatMap(({ pool }) =>
        pool.state === 'known' ? pool.endpoints.map(({ weight }) => weight) : [],
      );
    assert.deepEqual(weights(), [5, 1]);
    bench.provider.remove(own.id);
    await bench.clock.advance(100);
    assert.deepEqual(weights(), [1, 1]);
    await bench.stop();
  });

  it('takes other bounds and another policy of balancing while it runs', async () => {
    const bench = start();
    bench.provider.put(consumer('web', { wants: ['/a;80', '/b;81'] }));
    await bench.clock.advance(100);
    assert.equal(bench.daemon.table.routes.size, 2);
    bench.daemon.reconfigure({ ...OPTIONS, maxBindings: 1, defaults: { ...DEFAULTS, balance: 'maglev' } });
    await bench.clock.advance(100);
    const [only, ...others] = bench.daemon.table.routes.values();
    assert.deepEqual([only?.pool.key.balance, others.length], ['maglev', 0]);
    await bench.stop();
  });

  it('[C10] names a binding that changed hands', async () => {
    const bench = start();
    bench.provider.put(consumer('old', { wants: ['/a;80'] }));
    await bench.clock.advance(100);
    bench.provider.put(consumer('new', { wants: ['/b;80'], startedAt: '2026-06-01T00:00:00Z' }));
    await bench.clock.advance(100);
    assert.deepEqual(bench.log.messages('info'), [
      'bound old (172.17.0.2): port 80/tcp → /a',
      'rebound new (172.17.0.2): port 80/tcp → /b',
    ]);
    await bench.stop();
  });

  it('says a problem once, and again only after it was gone', async () => {
    const bench = start();
    const both = consumer('web', { wants: ['/a;80', '/b;80'] });
    bench.provider.put(both);
    await bench.clock.advance(100);
    bench.provider.put(consumer('other', { addresses: ['172.17.0.9'] }));
    await bench.clock.advance(100);
    assert.equal(bench.log.messages('warn').length, 1);
    bench.provider.put({ ...both, wants: both.wants.slice(0, 1) });
    await bench.clock.advance(100);
    bench.provider.put(both);
    await bench.clock.advance(100);
    assert.equal(bench.log.messages('warn').length, 2);
    await bench.stop();
  });

  it('keeps what a provider told while it cannot be asked, and says so', async () => {
    const bench = start();
    bench.provider.put(consumer('web', { wants: ['/a;80'] }));
    await bench.clock.advance(100);
    bench.provider.cut('connection refused');
    await bench.clock.advance(60_000);
    assert.notEqual(bench.reached(C1, 80), undefined, 'the binding stays');
    bench.provider.repair();
    await bench.clock.advance(100);
    const lines = bench.log.messages().slice(1);
    assert.deepEqual(lines, [
      'docker cannot be asked (connection refused); what it told stays, trying again',
      'docker answers again',
    ]);
    await bench.stop();
  });

  it('says that nothing is bound yet of a provider that cannot be asked from the start', async () => {
    const bench = start();
    bench.provider.cut('connection refused');
    await bench.clock.advance(1_000);
    assert.deepEqual(bench.log.messages('warn'), [
      'docker cannot be asked (connection refused); nothing is bound yet, trying again',
    ]);
    await bench.stop();
  });

  it('tries again when the proxier does not take the routes', async () => {
    const bench = start();
    bench.proxier.failing = 3;
    bench.provider.put(consumer('web', { wants: ['/a;80'] }));
    await bench.clock.advance(10_000);
    assert.notEqual(bench.reached(C1, 80), undefined);
    assert.equal(bench.metrics.count('sync failed'), 3);
    await bench.stop();
  });

  it('says once at start that a discovery is away, though none needs it, and when it is there', async () => {
    const bench = start(OPTIONS, (made) => {
      made.discovery.setUnreachable();
    });
    await bench.clock.advance(20_000);
    assert.deepEqual(
      bench.log.messages('warn').filter((line) => line.startsWith('memory')),
      ['memory cannot be asked (out of reach); trying again'],
    );
    bench.discovery.repair();
    await bench.clock.advance(6_000);
    assert.ok(bench.log.messages('info').includes('memory answers now'));
    await bench.stop();
  });

  describe('with fail-fast', () => {
    const outages: readonly {
      readonly name: string;
      readonly cut: (bench: Bench) => void;
      readonly message: RegExp;
    }[] = [
      {
        name: 'a provider',
        cut: (bench) => {
          bench.provider.cut('connection refused');
        },
        message: /docker cannot be asked: connection refused/,
      },
      {
        name: 'a discovery',
        cut: (bench) => {
          bench.discovery.setUnreachable();
        },
        message: /memory cannot be asked: out of reach/,
      },
    ];
    for (const { name, cut, message } of outages) {
      it(`ends when ${name} cannot be asked at start, with everything stopped`, async () => {
        const bench = start({ ...OPTIONS, failFast: true }, (made) => {
          cut(made);
          made.provider.put(consumer('web', { wants: ['/a;80'] }));
        });
        const failing = assert.rejects(bench.done, (error) => {
          assert(error instanceof SourceUnreachable);
          return message.test(error.message);
        });
        await bench.clock.advance(1_000);
        await failing;
        assert.equal(bench.clock.pendingTimers, 0);
        assert.deepEqual(bench.discovery.watched, []);
      });

      it(`goes on without it when ${name} goes away later`, async () => {
        const bench = start({ ...OPTIONS, failFast: true });
        bench.discovery.setEndpoints(A, [endpoint(1)]);
        bench.provider.put(consumer('web', { wants: ['/a;80'] }));
        await bench.clock.advance(100);
        cut(bench);
        bench.provider.put(consumer('late', { addresses: ['172.17.0.9'], wants: ['/never-heard-of;80'] }));
        await bench.clock.advance(1_000);
        assert.deepEqual(bench.reached(C1, 80), ['10.0.0.2']);
        await bench.stop();
      });
    }
  });

  it('[C9] stops in order: rules, listener and drain, then watches; and leaves nothing behind', async () => {
    const bench = start();
    bench.discovery.setEndpoints(A, [endpoint(1)]);
    bench.provider.setInterfaces(['docker0']);
    bench.provider.put(consumer('web', { wants: ['/a;80'] }));
    await bench.clock.advance(1_000);
    bench.proxier.drains = async () => {
      bench.steps.push(`drain with ${bench.discovery.watched.length} watch open`);
      return 2;
    };
    await bench.stop();
    assert.deepEqual(bench.steps, ['rules for docker0', 'rules removed', 'drain with 1 watch open']);
    assert.deepEqual(bench.discovery.watched, []);
    assert.deepEqual(bench.log.messages('warn'), [
      '2 open connections were cut after the drain (--drain, --upgrade-drain)',
    ]);
    assert.equal(bench.clock.pendingTimers, 0);
  });

  it('[C2] counts a consumer that asks for more than its share, once, and serves the rest', async () => {
    const bench = start({ ...OPTIONS, maxBindings: 1 });
    bench.discovery.setEndpoints(A, [endpoint(1)]);
    bench.provider.put(consumer('web', { wants: ['/a;80', '/a;81', '/a;82'] }));
    await bench.clock.advance(1_000);
    bench.provider.put(consumer('other', { addresses: ['172.17.0.9'], wants: ['/a;80'] }));
    await bench.clock.advance(1_000);
    assert.equal(bench.metrics.count('limit max-bindings'), 1);
    assert.deepEqual(bench.reached(C1, 80), ['10.0.0.2']);
    assert.equal(bench.reached(C1, 81), undefined);
    await bench.stop();
  });

  it('[C10] takes a binding away during the drain, too, so that its connections are cut', async () => {
    const bench = start();
    bench.discovery.setEndpoints(A, [endpoint(1)]);
    const web = consumer('web', { wants: ['/a;80'] });
    bench.provider.put(web);
    await bench.clock.advance(1_000);
    const drained = Promise.withResolvers<number>();
    bench.proxier.drains = async () => drained.promise;
    const stopped = bench.stop();
    await bench.clock.advance(100);
    bench.provider.remove(web.id);
    await bench.clock.advance(100);
    assert.equal(bench.reached(C1, 80), undefined);
    drained.resolve(0);
    await bench.clock.advance(100);
    await stopped;
    assert.equal(bench.clock.pendingTimers, 0);
  });

  it('stops at once when it was told to before it began', async () => {
    const bench = start(OPTIONS, () => undefined, AbortSignal.abort());
    await bench.clock.advance(0);
    await bench.done;
    assert.equal(bench.clock.pendingTimers, 0);
  });
});

/** A proxier that keeps what it is told. */
class MemoryProxier implements Proxier {
  readonly tables: RoutingTable[] = [];
  failing = 0;
  drains: () => Promise<number> = async () => 0;

  async sync(table: RoutingTable): Promise<void> {
    if (this.failing > 0) {
      this.failing -= 1;
      throw new Error('no room');
    }
    this.tables.push(table);
  }

  async drain(): Promise<number> {
    return this.drains();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Holds nothing.
  }
}

interface Bench {
  readonly clock: SimClock;
  readonly log: MemoryLog;
  readonly metrics: MemoryMetrics;
  readonly provider: MemoryProvider;
  readonly discovery: MemoryDiscovery;
  readonly proxier: MemoryProxier;
  readonly daemon: Daemon;
  readonly done: Promise<void>;
  readonly steps: string[];
  /** The addresses a consumer's port leads to; undefined when it is not bound. */
  reached(source: IpAddress, portNumber: number): readonly string[] | undefined;
  stop(): Promise<void>;
}

function start(
  options: DaemonOptions = OPTIONS,
  before: (bench: Bench) => void = () => undefined,
  alreadyStopped?: AbortSignal,
): Bench {
  const clock = new SimClock(settle);
  const [log, metrics, proxier] = [new MemoryLog(), new MemoryMetrics(), new MemoryProxier()];
  const [provider, discovery] = [new MemoryProvider(), new MemoryDiscovery()];
  const random = new SeededRandom(1);
  const steps: string[] = [];
  let present = false;
  const redirector = {
    ensure: async (wanted: Capture): Promise<boolean> => {
      const interfaces = wanted.kind === 'dnat' ? wanted.interfaces : [];
      if (present) return false;
      present = true;
      steps.push(`rules for ${interfaces.join(' ')}`);
      return true;
    },
    cleanup: async (): Promise<boolean> => {
      steps.push('rules removed');
      return present;
    },
  };
  const quiet = { clock, random, metrics, log: new MemoryLog() };
  const capture = new CaptureKeeper(
    { ...quiet, redirector },
    {
      kind: 'dnat',
      virtualIps: [address('172.17.0.1')],
      listeners: [at('172.17.0.1:9999')],
      unbound: 'refuse',
      hostAddresses: () => [],
    },
  );
  const discoveries = new Map([[discovery.name, discovery]]);
  const daemon = new Daemon(
    {
      clock,
      log,
      metrics,
      random,
      providers: [provider],
      discoveries,
      memory: undefined,
      prober: PROBER,
      resolver: new SimResolver(),
      proxier,
      capture,
    },
    options,
  );
  const stop = new AbortController();
  const made = { clock, log, metrics, provider, discovery, proxier, daemon, steps };
  const bench: Bench = {
    ...made,
    done: Promise.resolve(),
    reached: (source, portNumber) => {
      const route = proxier.tables.at(-1)?.lookup(source, 'tcp', port(portNumber));
      if (route === undefined) return undefined;
      return route.pool.state === 'known' ? route.pool.endpoints.map((known) => known.address) : [];
    },
    stop: async () => {
      stop.abort();
      await clock.advance(0);
      await bench.done;
    },
  };
  before(bench);
  const done = daemon.run({ stop: alreadyStopped ?? stop.signal, abort: new AbortController().signal });
  return Object.assign(bench, { done });
}
