import assert from 'node:assert/strict';
import { SimClock } from '../../../sim/clock.ts';
import { SimNetwork } from '../../../sim/network.ts';
import { MemoryDiscovery } from '../../../sim/memory-discovery.ts';
import { MemoryProvider } from '../../../sim/memory-provider.ts';
import { MemoryLog } from '../../../sim/log.ts';
import { MemoryMetrics } from '../../../sim/metrics.ts';
import { SeededRandom } from '../../../sim/random.ts';
import { SimResolver } from '../../../sim/resolver.ts';
import { DaemonView } from '../../../src/app/admin/daemon-view.ts';
import { Daemon } from '../../../src/app/daemon.ts';
import { EventLog } from '../../../src/app/event-log.ts';
import { RESILIENCE_DEFAULT } from '../../../src/app/pool.ts';
import { createRelay } from '../../../src/app/relay.ts';
import { UserspaceProxier } from '../../../src/app/userspace-proxier.ts';
import { DOCUMENTS } from '../../../src/ports/admin-documents.ts';
import { at } from '../../support/addresses.ts';
import { consumer, DEFAULTS, serviceName } from '../../support/bindings.ts';
import { address, endpoint } from '../../support/endpoints.ts';
import { PROBER } from '../../support/pools.ts';
import { settle } from '../../support/settle.ts';
import type { SimHost } from '../../../sim/host.ts';

const WEB = serviceName('/web');
const never = new AbortController().signal;

interface Bench {
  readonly log: MemoryLog;
  readonly clock: SimClock;
  readonly provider: MemoryProvider;
  readonly discovery: MemoryDiscovery;
  readonly network: SimNetwork;
  readonly view: DaemonView;
  readonly web: SimHost;
  readonly dial: (port: number) => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** A daemon with the consumer `web-1` at 172.17.0.2, which wants /web at port 80 and /db at 5432. */
async function bench(): Promise<Bench> {
  const clock = new SimClock(settle);
  const network = new SimNetwork({ clock });
  const written = new MemoryLog();
  const log = new EventLog({ clock, log: written });
  const [metrics, random] = [new MemoryMetrics(), new SeededRandom(1)];
  const gateway = network.host([address('172.17.0.1')]);
  network.capture(address('172.17.0.1'), at('172.17.0.1:9999'));
  const web = network.host([address('172.17.0.2')]);
  const shared = { clock, log, metrics };
  const proxier = new UserspaceProxier(
    { ...shared, dialer: gateway, listener: gateway, isLocal: () => false, relay: createRelay({ clock }) },
    {
      listen: { kind: 'captured', at: [at('172.17.0.1:9999')] },
      maxConnections: 100,
      maxConnectionsPerBinding: 100,
      unknownWaitMs: 3_000,
      halfCloseTimeoutMs: 60_000,
      endpointDrainMs: 60_000,
    },
  );
  await proxier.open();
  const [provider, discovery] = [new MemoryProvider('docker'), new MemoryDiscovery('memory')];
  const daemon = new Daemon(
    {
      ...shared,
      random,
      proxier,
      providers: [provider],
      discoveries: new Map([['memory', discovery]]),
      memory: undefined,
      resolver: new SimResolver(),
      prober: PROBER,
      capture: undefined,
    },
    {
      defaults: DEFAULTS,
      maxBindings: 256,
      lossHoldMs: 10_000,
      resilience: RESILIENCE_DEFAULT,
      unknownWaitMs: 3_000,
      drainMs: 0,
      failFast: false,
    },
  );
  const stop = new AbortController();
  const done = daemon.run({ stop: stop.signal, abort: never });
  const view = new DaemonView(
    { clock, daemon, proxier, kernel: undefined, events: log },
    { version: '1.2.3' },
  );
  return {
    clock,
    provider,
    discovery,
    network,
    view,
    log: written,
    web,
    dial: async (port) => {
      const dialling = web.dial(at(`172.17.0.1:${port}`), { timeoutMs: 1_000, signal: never });
      dialling.catch(() => undefined);
      await clock.advance(1);
    },
    stop: async () => {
      stop.abort();
      await clock.advance(10);
      await done;
    },
  };
}

async function serving(): Promise<Bench> {
  const made = await bench();
  for (const n of [1, 2]) {
    const host = made.network.host([endpoint(n).address]);
    await host.listen(endpoint(n), () => undefined);
  }
  made.discovery.setEndpoints(serviceName('/db'), []);
  made.discovery.setEndpoints(WEB, [endpoint(1), endpoint(2, { weight: 3, tags: ['blue'] })]);
  made.provider.put(consumer('web-1', { wants: ['/web;80', '/db;5432'] }));
  await made.clock.advance(100);
  return made;
}

describe('DaemonView', () => {
  it('knows whether a consumer is on the network of the host', async () => {
    const { clock, provider, view, stop } = await serving();
    assert.equal(view.hasHostConsumers, false);
    const other = consumer('agent', { addresses: ['172.17.0.9', '172.17.0.1'] });
    const addresses = other.addresses.map((each, n) => (n === 1 ? { ...each, network: 'host' } : each));
    provider.put({ ...other, addresses });
    await clock.advance(100);
    assert.equal(view.hasHostConsumers, true);
    await stop();
  });

  it('tells no more connections than are asked for', async () => {
    const { dial, view, stop } = await serving();
    await dial(80);
    await dial(80);
    assert.deepEqual(
      [0, 1, 2, 3].map((limit) => view.connections(limit).length),
      [0, 1, 2, 2],
    );
    await stop();
  });

  it('tells bindings, services and endpoints, in the documents of the API', async () => {
    const { view, dial, stop } = await serving();
    await dial(80);
    const bindings = DOCUMENTS.bindings.parse({ bindings: view.bindings() }).bindings;
    assert.deepEqual(
      bindings.map(({ consumer: who, port, state, ready, open }) => [who, port, state, ready, open]),
      [
        ['web-1', 5432, 'empty', 0, 0],
        ['web-1', 80, 'ready', 2, 1],
      ],
    );
    const { endpoints } = DOCUMENTS.endpoints.parse({ endpoints: view.endpoints() });
    assert.deepEqual(
      endpoints.map((each) => [each.endpoint, each.weight, each.tags, each.state]),
      [
        ['10.0.0.2:80', 1, null, 'ready'],
        ['10.0.0.3:80', 3, ['blue'], 'ready'],
      ],
    );
    assert.equal(
      endpoints.reduce((sum, { open }) => sum + open, 0),
      1,
    );
    const { services } = DOCUMENTS.services.parse({ services: view.services() });
    assert.deepEqual(
      services.map(({ service, status, endpoints: count }) => [service, status, count]),
      [
        ['/db', 'answering', 0],
        ['/web', 'answering', 2],
      ],
    );
    const { connections } = DOCUMENTS.connections.parse({ connections: view.connections(10) });
    assert.deepEqual(
      connections.map(({ consumer: who, service, stage }) => [who, service, stage]),
      [['web-1', '/web', 'relaying']],
    );
    assert.deepEqual(view.connections(0), []);
    DOCUMENTS.events.parse({ events: view.events(0) });
    await stop();
  });

  it('is ready when who wants what, and every service of it, is known', async () => {
    const made = await bench();
    assert.deepEqual(made.view.readiness(), {
      ready: false,
      waitingFor: ['docker has not told who wants what'],
    });
    made.discovery.setUnreachable('no route');
    made.provider.put(consumer('web-1', { wants: ['/web;80'] }));
    await made.clock.advance(100);
    assert.deepEqual(made.view.readiness().waitingFor, ['nothing is known of service /web']);
    await made.stop();
  });

  it('explains where a connection goes, with the last ones', async () => {
    const { view, dial, stop } = await serving();
    await dial(80);
    for (const asked of ['web-1', '172.17.0.2']) {
      const explanation = DOCUMENTS.explanation.parse(view.explain(asked, 80, 'tcp'));
      assert.equal(explanation.found, 'binding');
      const words = explanation.words.join('\n');
      assert.match(words, /^web-1 \(172\.17\.0\.2\) asks at port 80\/tcp for \/web;80$/m);
      assert.match(words, /written in container web-1, variable BACKEND_0/);
      assert.match(words, /memory has 2 endpoints; told 0\.1 s ago/);
      assert.match(words, /a connection goes to one of 2 ready of 2 endpoints/);
      assert.match(words, /10\.0\.0\.3:80 ready; weight 3, \d open/);
      assert.match(words, /0\.0 s ago from 172\.17\.0\.2 to 10\.0\.0\.\d:80$/m);
    }
    await stop();
  });

  it('explains why a connection is refused: no endpoint, no binding, nobody of that name', async () => {
    const { view, dial, stop } = await serving();
    await dial(5432);
    const refused = view.explain('web-1', 5432, 'tcp').words.join('\n');
    assert.match(refused, /no endpoint that this descriptor wants: a connection is refused at once/);
    assert.match(refused, /from 172\.17\.0\.2 refused: no endpoint/);
    const unbound = view.explain('web-1', 81, 'tcp');
    assert.equal(unbound.found, 'no binding');
    assert.match(
      unbound.words.join('\n'),
      /no binding of port 81\/tcp[^]*It bound 5432\/tcp to \/db, 80\/tcp to \/web/,
    );
    const nobody = view.explain('wbe-1', 80, 'tcp');
    assert.equal(nobody.found, 'no consumer');
    assert.match(nobody.words.join('\n'), /No consumer is called 'wbe-1'[^]*Known are: web-1/);
    await stop();
  });

  it('sidelines an endpoint in every pool, says so, and takes it back', async () => {
    const { view, clock, dial, stop } = await serving();
    assert.equal(view.sideline('/web', '10.0.0.9:80', 'eject'), false);
    assert.equal(view.sideline('/web', '10.0.0.2:80', 'eject'), true);
    await clock.advance(10);
    for (let n = 0; n < 6; n += 1) await dial(80);
    const [first, second] = view.endpoints();
    assert.deepEqual([first?.state, first?.reason, first?.open], ['ejected', 'ejected by an operator', 0]);
    assert.equal(second?.open, 6);
    assert.equal(view.sideline('/web', '10.0.0.3:80', 'drain'), true);
    assert.equal(view.readmit('/web', '10.0.0.2:80'), true);
    await clock.advance(59_000);
    assert.equal(view.connections(100).length, 6);
    await clock.advance(2_000);
    assert.equal(view.connections(100).length, 0, 'drained connections end');
    assert.equal(view.endpoints()[0]?.state, 'ready');
    await stop();
  });

  it('changes what the log has, and says so', async () => {
    const { view, log, stop } = await serving();
    view.setLogLevel('debug');
    assert.equal(log.level, 'debug');
    view.setLogLevel('info');
    assert.equal(log.level, 'info');
    const said = log.messages('info').slice(-2);
    assert.deepEqual(said, ['the log has details from now on', 'the log has no details any more']);
    await stop();
  });

  it('tells of changes some time after them, once for many, until released', async () => {
    const { view, clock, discovery, stop } = await serving();
    let told = 0;
    const release = view.onChange(() => {
      told += 1;
    });
    for (let n = 3; n < 20; n += 1) discovery.put(WEB, endpoint(n));
    await clock.advance(1_000);
    assert.equal(told, 1);
    discovery.put(WEB, endpoint(30));
    release();
    await clock.advance(1_000);
    assert.equal(told, 1);
    await stop();
    assert.equal(clock.pendingTimers, 0);
  });
});
