import assert from 'node:assert/strict';
import { TrackedFlowsError } from '../../../src/ports/tracked-flows.ts';
import { binding } from '../../support/bindings.ts';
import { RulesBench, told } from './rules-bench.ts';
import type { PacketRow } from '../../support/nft-host.ts';

const CONSUMER = '172.30.0.2';
const PORT_80 = '172.30.0.1:80';
const E1 = '10.30.0.1:80';
const E2 = '10.30.0.2:80';
const HERE = `here at ${PORT_80}`;
const DRAIN_MS = 60_000;

/** One connection, its first packet and then the others. */
const FLOW = { source: `${CONSUMER}:7`, to: PORT_80 };
const LATER: PacketRow = { ...FLOW, flags: ['ack'] };
const DATAGRAM: PacketRow = { ...FLOW, protocol: 'udp' };

const TCP = binding(CONSUMER, '/a;80');
const UDP = binding(CONSUMER, '/a;80/udp');

const by = (endpoint: string): string => `by net0 to ${endpoint} as 10.30.0.254`;

describe('the flows of NftablesProxier', () => {
  it('[P24] are led where datagrams were sent before their binding was there', async () => {
    const bench = new RulesBench();
    // With any chain of type nat the kernel decides once for a flow, be it that nothing is translated.
    bench.nft.somebody('add table ip x\nadd chain ip x pre { type nat hook prerouting priority -100; }');
    assert.equal(bench.send(DATAGRAM), HERE);
    await bench.sync([UDP, told('/a;80', [E1])]);
    assert.equal(bench.send(DATAGRAM), by(E1));
    await bench.sync([UDP, told('/a;80', [])]);
    assert.equal(bench.send(DATAGRAM), 'rejected');
    await bench.sync([UDP, told('/a;80', [E2])]);
    assert.equal(bench.send(DATAGRAM), by(E2));
  });

  it('[P24] of datagrams move at once when their endpoint goes, and no other does', async () => {
    const bench = new RulesBench();
    await bench.sync([UDP, told('/a;80', [E1, E2])]);
    const other = { ...DATAGRAM, source: `${CONSUMER}:8` };
    assert.deepEqual([bench.send(DATAGRAM), bench.send(other)], [by(E1), by(E2)]);
    await bench.sync([UDP, told('/a;80', [E2])]);
    assert.deepEqual([bench.send(DATAGRAM), bench.send(other)], [by(E2), by(E2)]);
  });

  it('[P25] drain when their endpoint went while nobody was there', async () => {
    const bench = new RulesBench({ keepsRules: true });
    await bench.sync([TCP, told('/a;80', [E1])], [UDP, told('/a;80', [E1])]);
    bench.send(FLOW);
    bench.send(DATAGRAM);
    await bench.proxier[Symbol.asyncDispose]();
    bench.proxier = bench.make({});
    await bench.sync([TCP, told('/a;80', [E2])], [UDP, told('/a;80', [E2])]);
    assert.deepEqual([bench.send(LATER), bench.send(DATAGRAM)], [by(E1), by(E2)]);
    await bench.clock.advance(DRAIN_MS - 1);
    assert.equal(bench.send(LATER), by(E1));
    await bench.clock.advance(1);
    assert.equal(bench.send(LATER), HERE);
  });

  for (const [what, now] of [
    ['is gone', []],
    ['leads to another service', [[binding(CONSUMER, '/b;80'), told('/b;80', [E2])]]],
  ] as const) {
    it(`[P04] end at once where their binding ${what} after nobody was there`, async () => {
      const bench = new RulesBench({ keepsRules: true });
      await bench.sync([TCP, told('/a;80', [E1])]);
      bench.send(FLOW);
      await bench.proxier[Symbol.asyncDispose]();
      bench.proxier = bench.make({});
      await bench.sync(...now);
      assert.equal(bench.send(LATER), HERE);
    });
  }

  it('[P25] go on over a restart that finds their endpoint as it was', async () => {
    const bench = new RulesBench({ keepsRules: true });
    await bench.sync([TCP, told('/a;80', [E1, E2])]);
    bench.send(FLOW);
    await bench.proxier[Symbol.asyncDispose]();
    bench.proxier = bench.make({});
    await bench.sync([TCP, told('/a;80')]);
    await bench.sync([TCP, told('/a;80', [E2, E1])]);
    await bench.clock.advance(2 * DRAIN_MS);
    assert.equal(bench.send(LATER), by(E1));
  });

  it('[P25] drain also while userspace carries their binding', async () => {
    const bench = new RulesBench();
    await bench.sync([TCP, told('/a;80', [E1])]);
    bench.send(FLOW);
    const local = '172.30.0.1:9';
    await bench.sync([TCP, told('/a;80', [E1, local])]);
    assert.equal(bench.proxier.carries(TCP.id), false);
    await bench.clock.advance(2 * DRAIN_MS);
    assert.equal(bench.send(LATER), by(E1), 'it is an endpoint still');
    await bench.sync([TCP, told('/a;80', [local])]);
    await bench.clock.advance(DRAIN_MS);
    assert.equal(bench.send(LATER), HERE);
  });

  it('[P25] [P04] of the next consumer at an address meet no drain of the one before', async () => {
    const bench = new RulesBench();
    await bench.sync([TCP, told('/a;80', [E1])]);
    bench.send(FLOW);
    await bench.sync([TCP, told('/a;80', [E2])]);
    const next = binding(CONSUMER, '/a;80', 'next');
    await bench.sync([next, told('/a;80', [E1])]);
    assert.equal(bench.send(LATER), HERE, 'it was of the one before');
    const anew = { ...FLOW, source: `${CONSUMER}:8` };
    assert.equal(bench.send(anew), by(E1));
    await bench.clock.advance(2 * DRAIN_MS);
    assert.equal(bench.send({ ...anew, flags: ['ack'] }), by(E1));
  });

  it('[P25] go on where their endpoint is back before the drain is over', async () => {
    const bench = new RulesBench();
    await bench.sync([TCP, told('/a;80', [E1])]);
    bench.send(FLOW);
    await bench.sync([TCP, told('/a;80', [E2])]);
    await bench.clock.advance(DRAIN_MS / 2);
    await bench.sync([TCP, told('/a;80', [E1])]);
    await bench.sync([TCP, told('/a;80', [E2])]);
    await bench.clock.advance(DRAIN_MS - 1);
    assert.equal(bench.send(LATER), by(E1), 'a drain begins anew');
    await bench.clock.advance(1);
    assert.equal(bench.send(LATER), HERE);
  });

  it('of others at the virtual IP are left alone', async () => {
    const bench = new RulesBench();
    bench.nft.somebody(
      [
        'add table ip docker',
        'add chain ip docker pre { type nat hook prerouting priority dstnat; }',
        'add rule ip docker pre ip daddr 172.30.0.1 tcp dport 8080 dnat to 172.30.0.9:80',
      ].join('\n'),
    );
    const published = { source: '10.30.0.50:7', to: '172.30.0.1:8080', from: 'net0' };
    const before = bench.send(published);
    await bench.sync([TCP, told('/a;80', [E1])]);
    await bench.sync([TCP, told('/a;80', [E2])]);
    await bench.sync();
    await bench.clock.advance(2 * DRAIN_MS);
    assert.equal(bench.send({ ...published, flags: ['ack'] }), before);
  });

  it('[P25] end during the drain of the daemon, too', async () => {
    const bench = new RulesBench({ keepsRules: true });
    await bench.sync([TCP, told('/a;80', [E1])]);
    bench.send(FLOW);
    await bench.proxier.drain();
    await bench.sync();
    assert.equal(bench.send(LATER), HERE);
  });

  it('are cut in one reading and one go, however many bindings go', async () => {
    const bench = new RulesBench();
    const bindings = Array.from({ length: 500 }, (_, n) => binding(CONSUMER, `/a;${1_000 + n}`));
    await bench.sync(...bindings.map((each) => [each, told(`/a;${each.port}`, [E1])] as const));
    const flows = bindings.map(({ port }) => ({ source: `${CONSUMER}:7`, to: `172.30.0.1:${port}` }));
    for (const flow of flows) bench.send(flow);
    assert.equal(bench.tracer.connections.size, 500);
    await bench.sync();
    assert.equal(bench.tracer.connections.size, 0);
    assert.deepEqual(bench.readings, 1);
  });

  it('are tried again where the kernel does not answer, and it is said once', async () => {
    const bench = new RulesBench();
    await bench.sync([TCP, told('/a;80', [E1])]);
    bench.send(FLOW);
    bench.flowsFail = new TrackedFlowsError('no answer');
    await bench.sync();
    await bench.clock.advance(20_000);
    assert.equal(bench.send(LATER), by(E1));
    bench.flowsFail = undefined;
    await bench.clock.advance(5_000);
    assert.equal(bench.send(LATER), HERE);
    assert.deepEqual(bench.log.messages('warn'), ['no answer; trying again']);
  });
});
