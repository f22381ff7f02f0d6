import assert from 'node:assert/strict';
import { SimClock } from '../../sim/clock.ts';
import { MemoryLog } from '../../sim/log.ts';
import { SimNetwork } from '../../sim/network.ts';
import { ListenerSet } from '../../src/app/listener-set.ts';
import { formatSocketAddress } from '../../src/domain/address.ts';
import { at } from '../support/addresses.ts';
import { binding, tableOf } from '../support/bindings.ts';
import { address } from '../support/endpoints.ts';
import { settle } from '../support/settle.ts';
import type { IpAddress } from '../../src/domain/address.ts';
import type { SimHost } from '../../sim/host.ts';
import type { ListenPlan } from '../../src/app/listener-set.ts';

const { signal } = new AbortController();
const DIRECT: ListenPlan = { kind: 'direct', address: address('10.0.0.1'), offset: 0 };

describe('ListenerSet', () => {
  describe('with a fixed listener', () => {
    it('tells of each connection with the destination its consumer meant', async () => {
      const bench = listeners({ kind: 'captured', at: [at('10.0.0.1:9999')] });
      await bench.set.open();
      bench.network.capture(address('10.1.1.1'), at('10.0.0.1:9999'));
      await bench.consumer.dial(at('10.1.1.1:6379'), { timeoutMs: 100, signal });
      assert.deepEqual(bench.arrived, ['10.1.1.1:6379']);
    });

    it('leaves none open when one of them cannot be had', async () => {
      const bench = listeners({ kind: 'captured', at: [at('10.0.0.1:9999'), at('10.9.9.9:9999')] });
      await assert.rejects(bench.set.open(), { code: 'no-address' });
      await assert.rejects(bench.dial(9999), { code: 'refused' });
    });

    it('does not follow the table', async () => {
      const bench = listeners({ kind: 'captured', at: [at('10.0.0.1:9999')] });
      await bench.set.open();
      await bench.set.sync(tableOf(1, [binding('*', '/a;80'), []]));
      await assert.rejects(bench.dial(80), { code: 'refused' });
    });
  });

  describe('with one listener per port', () => {
    it('[C4] opens one for each distinct port, and closes it with its last binding', async () => {
      const bench = listeners(DIRECT);
      const [a, b, c] = [
        binding('172.17.0.2', '/a;80'),
        binding('172.17.0.3', '/b;80'),
        binding('*', '/c;81'),
      ];
      await bench.set.sync(tableOf(1, [a, []], [b, []], [c, []]));
      await bench.dial(80);
      await bench.dial(81);
      await bench.set.sync(tableOf(2, [b, []]));
      await bench.dial(80);
      await assert.rejects(bench.dial(81), { code: 'refused' });
      assert.deepEqual(bench.arrived, ['10.0.0.1:80', '10.0.0.1:81', '10.0.0.1:80']);
    });

    it('[C4] listens above the port by the offset and tells the bound port', async () => {
      const bench = listeners({ ...DIRECT, offset: 8_000 });
      await bench.set.sync(tableOf(1, [binding('*', '/a;80'), []]));
      await bench.dial(8_080);
      assert.deepEqual(bench.arrived, ['10.0.0.1:80']);
      assert.deepEqual(bench.log.messages('info'), ['listening on 10.0.0.1:8080 for port 80']);
    });

    it('has no listener for udp', async () => {
      const bench = listeners(DIRECT);
      await bench.set.sync(tableOf(1, [binding('*', '/a;80/udp'), []]));
      await assert.rejects(bench.dial(80), { code: 'refused' });
    });

    it('[C4] reports a port that cannot be had once, serves the others, and tries again', async () => {
      const bench = listeners(DIRECT);
      const other = await bench.gateway.listen(at('10.0.0.1:80'), () => undefined);
      const table = tableOf(1, [binding('*', '/a;80'), []], [binding('*', '/b;81'), []]);
      await bench.set.sync(table);
      await bench.set.sync(table);
      await bench.clock.advance(20_000);
      assert.deepEqual(bench.log.messages('error'), [
        'cannot listen on 10.0.0.1:80 for port 80: 10.0.0.1:80 is in use',
      ]);
      await bench.dial(81);
      await other.close();
      await bench.clock.advance(5_000);
      await bench.dial(80);
      assert.deepEqual(bench.arrived, ['10.0.0.1:81', '10.0.0.1:80']);
      assert.equal(bench.clock.pendingTimers, 0, 'nothing is left to try');
    });

    it('stops trying when the port is no longer bound', async () => {
      const bench = listeners(DIRECT);
      await bench.gateway.listen(at('10.0.0.1:80'), () => undefined);
      await bench.set.sync(tableOf(1, [binding('*', '/a;80'), []]));
      await bench.set.sync(tableOf(2));
      assert.equal(bench.clock.pendingTimers, 0);
    });

    it('reports a port that the offset leads out of range', async () => {
      const bench = listeners({ ...DIRECT, offset: 8_000 });
      await bench.set.sync(tableOf(1, [binding('*', '/a;60000'), []]));
      assert.deepEqual(bench.log.messages('error'), [
        'port 60000 + 8000 is above 65535; choose a smaller offset for --listen',
      ]);
      await bench.set.close();
    });

    it('closes every listener and forgets what it would try again', async () => {
      const bench = listeners(DIRECT);
      await bench.gateway.listen(at('10.0.0.1:80'), () => undefined);
      await bench.set.sync(tableOf(1, [binding('*', '/a;80'), []], [binding('*', '/b;81'), []]));
      await bench.set.close();
      await bench.set.close();
      await assert.rejects(bench.dial(81), { code: 'refused' });
      assert.equal(bench.clock.pendingTimers, 0);
      await bench.set.sync(tableOf(2, [binding('*', '/b;82'), []]));
      await assert.rejects(bench.dial(82), { code: 'refused' });
    });
  });
});

describe('ListenerSet.has', () => {
  const CAPTURED = { kind: 'captured' as const, at: [at('10.0.0.1:9999')] };
  const EVERYWHERE = { kind: 'direct' as const, address: address('0.0.0.0'), offset: 8_000 };
  const EVERYWHERE_6 = { ...EVERYWHERE, address: address('::') };
  for (const { name, plan, asked, is } of [
    { name: 'a listener itself', plan: CAPTURED, asked: '10.0.0.1:9999', is: true },
    { name: 'another address of this host', plan: CAPTURED, asked: '172.17.0.1:9999', is: false },
    { name: 'another port', plan: CAPTURED, asked: '10.0.0.1:80', is: false },
    {
      name: 'an address of this host, of one at all addresses',
      plan: EVERYWHERE,
      asked: '172.17.0.1:8080',
      is: true,
    },
    { name: 'the port without its offset', plan: EVERYWHERE, asked: '172.17.0.1:80', is: false },
    { name: 'an address of another host', plan: EVERYWHERE, asked: '10.0.0.9:8080', is: false },
    { name: 'IPv6, of one at all of IPv4', plan: EVERYWHERE, asked: '[fd00::1]:8080', is: false },
    { name: 'IPv4, of one at all of both', plan: EVERYWHERE_6, asked: '172.17.0.1:8080', is: true },
  ]) {
    it(`says ${is} of ${name}`, async () => {
      const bench = listeners(plan);
      await bench.set.open();
      if (plan.kind === 'direct') {
        await bench.set.sync(tableOf(1, [binding('*', '/a;80'), []]));
      }
      assert.equal(bench.set.has(at(asked)), is);
      await bench.set.close();
      assert.equal(bench.set.has(at(asked)), false, 'a closed listener is nowhere');
    });
  }
});

interface Bench {
  readonly clock: SimClock;
  readonly network: SimNetwork;
  readonly log: MemoryLog;
  readonly gateway: SimHost;
  readonly consumer: SimHost;
  readonly set: ListenerSet;
  readonly arrived: readonly string[];
  dial(port: number): Promise<unknown>;
}

function listeners(plan: ListenPlan): Bench {
  const clock = new SimClock(settle);
  const network = new SimNetwork({ clock });
  const log = new MemoryLog();
  const gateway = network.host([address('10.0.0.1')]);
  const consumer = network.host([address('172.17.0.2')]);
  const arrived: string[] = [];
  const own = ['10.0.0.1', '172.17.0.1', 'fd00::1'];
  const isLocal = (each: IpAddress): boolean => own.includes(each);
  const set = new ListenerSet(
    { clock, log, listener: gateway, isLocal },
    plan,
    (_connection, destination) => {
      arrived.push(destination === undefined ? 'unknown' : formatSocketAddress(destination));
    },
  );
  return {
    clock,
    network,
    log,
    gateway,
    consumer,
    set,
    arrived,
    dial: async (port) => consumer.dial(at(`10.0.0.1:${port}`), { timeoutMs: 100, signal }),
  };
}
