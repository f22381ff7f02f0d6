import assert from 'node:assert/strict';
import { MemoryLog } from '../../../sim/log.ts';
import { SimClock } from '../../../sim/clock.ts';
import { HandshakeWatch } from '../../../src/adapters/nftables/handshake-watch.ts';
import { kernelRoute } from '../../../src/adapters/nftables/kernel-routes.ts';
import { NftablesError } from '../../../src/adapters/nftables/nftables-client.ts';
import { createBalancer } from '../../../src/balancers/policies.ts';
import { SeededRandom } from '../../../sim/random.ts';
import { endpointKey } from '../../../src/domain/endpoint.ts';
import { binding, poolKey } from '../../support/bindings.ts';
import { address, endpoint } from '../../support/endpoints.ts';
import { FEEDBACK, knownPool } from '../../support/pools.ts';
import { settle } from '../../support/settle.ts';
import { NOTHING_PUBLISHED } from '../../../src/domain/published-port.ts';
import type { KernelRoute } from '../../../src/adapters/nftables/kernel-routes.ts';
import type { Endpoint } from '../../../src/domain/endpoint.ts';
import type { DialFeedback } from '../../../src/domain/route.ts';

const HOST = { isLocal: () => false, interfaceTowards: () => undefined };

/** Attempts without an answer and for how many seconds, by endpoint. */
type Pending = Readonly<Record<string, readonly [attempts: number, forS: number]>>;

const [E1, E2] = [endpoint(1), endpoint(2)];

/** A watch of a kernel that has what a test says; undefined, it cannot be asked. */
function bench(protocol: 'tcp' | 'udp' = 'tcp'): {
  readonly watch: HandshakeWatch;
  readonly clock: SimClock;
  readonly kernel: { pending: Pending | undefined; reads: number };
  readonly told: string[];
} {
  const clock = new SimClock(settle);
  const kernel: { pending: Pending | undefined; reads: number } = { pending: {}, reads: 0 };
  const list = async (words: readonly string[]): Promise<unknown> => {
    if (kernel.pending === undefined) throw new NftablesError('busy', 'nft is busy', { hint: 'Wait.' });
    if (words.at(-1) === 'pending6') return Promise.resolve({ nftables: [{ set: {} }] });
    kernel.reads += 1;
    const elem = Object.entries(kernel.pending).map(([key, [packets, forS]]) => {
      const [host, port] = key.split(':');
      const val = { concat: [host, Number(port)] };
      return { elem: { val, expires: 60 - forS, counter: { packets, bytes: 60 * packets } } };
    });
    return Promise.resolve({ nftables: [{ set: { elem } }] });
  };
  const told: string[] = [];
  const watch = new HandshakeWatch({ client: { list }, clock, log: new MemoryLog() }, () => [
    routeOf('/a', [E1, E2], protocol, told),
    routeOf('/b', [E2], protocol, told),
  ]);
  return { watch, clock, kernel, told };
}

function routeOf(
  service: string,
  endpoints: readonly Endpoint[],
  protocol: 'tcp' | 'udp',
  told: string[],
): KernelRoute {
  const feedback: DialFeedback = {
    ...FEEDBACK,
    failed: (of) => told.push(`${service} ${endpointKey(of)} failed`),
    answered: (of) => told.push(`${service} ${endpointKey(of)} answered`),
  };
  const key = poolKey(`${service};80`);
  const policy = { clock: new SimClock(settle), random: new SeededRandom(1) };
  const pool = knownPool(key, endpoints, createBalancer('round-robin', policy).update(endpoints), feedback);
  const bound = { ...binding('172.17.0.2', `${service};80`), protocol };
  const route = kernelRoute(
    { binding: bound, pool },
    { host: HOST, published: NOTHING_PUBLISHED, virtualIps: [address('172.17.0.1')] },
  );
  assert(typeof route !== 'string');
  return route;
}

describe('HandshakeWatch', () => {
  const rows: readonly {
    readonly name: string;
    readonly looks: readonly Pending[];
    readonly told: readonly string[];
  }[] = [
    {
      name: 'reports each attempt that nobody answered, once, to every pool that has the endpoint',
      looks: [{ '10.0.0.3:80': [2, 2] }, { '10.0.0.3:80': [3, 4] }, { '10.0.0.3:80': [3, 6] }],
      told: [
        ...[
          '/a 10.0.0.3:80 failed',
          '/a 10.0.0.3:80 failed',
          '/b 10.0.0.3:80 failed',
          '/b 10.0.0.3:80 failed',
        ],
        ...['/a 10.0.0.3:80 failed', '/b 10.0.0.3:80 failed'],
      ],
    },
    { name: 'waits for an answer that may still come', looks: [{ '10.0.0.2:80': [9, 1] }, {}], told: [] },
    {
      name: 'says when who did not answer does, also when it is tried again at once',
      looks: [{ '10.0.0.2:80': [1, 2] }, {}, { '10.0.0.2:80': [1, 2] }, { '10.0.0.2:80': [1, 1] }],
      told: [
        ...['/a 10.0.0.2:80 failed', '/a 10.0.0.2:80 answered'],
        ...['/a 10.0.0.2:80 failed', '/a 10.0.0.2:80 answered'],
      ],
    },
    {
      name: 'says nothing of an endpoint that no pool has',
      looks: [{ '10.0.0.9:80': [9, 9] }, {}],
      told: [],
    },
  ];
  for (const { name, looks, told } of rows) {
    it(`[P36] ${name}`, async () => {
      const { watch, clock, kernel, told: heard } = bench();
      watch.run();
      for (const pending of looks) {
        kernel.pending = pending;
        await clock.advance(2_000);
      }
      assert.deepEqual(heard, told);
      watch.close();
      assert.equal(clock.pendingTimers, 0);
    });
  }

  it('reports nothing of datagrams, which nobody has to answer', async () => {
    const { watch, clock, kernel, told } = bench('udp');
    watch.run();
    kernel.pending = { '10.0.0.2:80': [9, 9] };
    await clock.advance(2_000);
    assert.deepEqual(told, []);
    watch.close();
  });

  it('reports at most a hundred attempts of an endpoint at once', async () => {
    const { watch, clock, kernel, told } = bench();
    watch.run();
    kernel.pending = { '10.0.0.2:80': [1_000_000, 9] };
    await clock.advance(2_000);
    assert.equal(told.length, 100);
    watch.close();
  });

  it('goes on where the kernel cannot be asked for a while, and looks no more when closed', async () => {
    const { watch, clock, kernel, told } = bench();
    watch.run();
    watch.run();
    kernel.pending = undefined;
    await clock.advance(2_000);
    kernel.pending = { '10.0.0.2:80': [1, 5] };
    await clock.advance(2_000);
    assert.deepEqual([told, kernel.reads], [['/a 10.0.0.2:80 failed'], 1]);
    watch.close();
    watch.run();
    await clock.advance(10_000);
    assert.equal(kernel.reads, 1);
    assert.equal(clock.pendingTimers, 0);
  });
});
