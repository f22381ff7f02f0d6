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

/** What the kernel counted of each endpoint. */
type Handshakes = Readonly<Record<string, readonly [asked: number, answered: number]>>;

const [E1, E2] = [endpoint(1), endpoint(2)];

interface Kernel {
  handshakes: Handshakes | undefined;
  reads: number;
  /** How long a reading takes, in milliseconds. */
  takesMs: number;
}

/** A watch of a kernel that has what a test says; undefined, it cannot be asked. */
function bench(protocol: 'tcp' | 'udp' = 'tcp'): {
  readonly watch: HandshakeWatch;
  readonly clock: SimClock;
  readonly kernel: Kernel;
  readonly told: string[];
} {
  const clock = new SimClock(settle);
  const kernel: Kernel = { handshakes: {}, reads: 0, takesMs: 0 };
  const list = async (words: readonly string[]): Promise<unknown> => {
    if (kernel.handshakes === undefined) throw new NftablesError('busy', 'nft is busy', { hint: 'Wait.' });
    const set = words.at(-1) ?? '';
    if (set.endsWith('6')) return Promise.resolve({ nftables: [{ set: {} }] });
    kernel.reads += 1;
    if (kernel.takesMs > 0) await clock.sleep(kernel.takesMs, { signal: new AbortController().signal });
    const elem = Object.entries(kernel.handshakes).flatMap(([key, [asked, answered]]) => {
      const [host, port] = key.split(':');
      const packets = set === 'asked4' ? asked : answered;
      const val = { concat: [host, Number(port)] };
      return packets === 0 ? [] : [{ elem: { val, expires: 60, counter: { packets, bytes: 60 * packets } } }];
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
    {
      host: HOST,
      published: NOTHING_PUBLISHED,
      virtualIps: [address('172.17.0.1')],
      interfaces: [],
      apart: [],
    },
  );
  assert(typeof route !== 'string');
  return route;
}

describe('HandshakeWatch', () => {
  const failed = (times: number): readonly string[] =>
    ['/a', '/b'].flatMap((service) => Array<string>(times).fill(`${service} 10.0.0.3:80 failed`));
  const rows: readonly {
    readonly name: string;
    readonly looks: readonly Handshakes[];
    readonly told: readonly string[];
  }[] = [
    {
      name: 'reports each attempt that nobody answered, once, to every pool that has the endpoint',
      looks: [
        { '10.0.0.3:80': [2, 0] },
        { '10.0.0.3:80': [3, 0] },
        { '10.0.0.3:80': [3, 0] },
        { '10.0.0.3:80': [3, 0] },
      ],
      told: [...failed(2), ...failed(1)],
    },
    {
      name: 'waits for an answer that may still come',
      looks: [{ '10.0.0.2:80': [9, 8] }, { '10.0.0.2:80': [9, 9] }, { '10.0.0.2:80': [9, 9] }],
      told: [],
    },
    {
      name: 'leaves one alone that answers others meanwhile',
      looks: [{ '10.0.0.2:80': [9, 4] }, { '10.0.0.2:80': [15, 5] }, { '10.0.0.2:80': [20, 6] }],
      told: [],
    },
    {
      name: 'says when who did not answer does, and reports it again when it fails again',
      looks: [
        { '10.0.0.2:80': [1, 0] },
        { '10.0.0.2:80': [1, 0] },
        { '10.0.0.2:80': [2, 1] },
        { '10.0.0.2:80': [3, 1] },
        { '10.0.0.2:80': [3, 1] },
      ],
      told: ['/a 10.0.0.2:80 failed', '/a 10.0.0.2:80 answered', '/a 10.0.0.2:80 failed'],
    },
    {
      name: 'begins anew with an endpoint that the kernel had forgotten',
      looks: [{ '10.0.0.2:80': [9, 9] }, {}, { '10.0.0.2:80': [1, 0] }, { '10.0.0.2:80': [1, 0] }],
      told: ['/a 10.0.0.2:80 failed'],
    },
    {
      name: 'says nothing of an endpoint that no pool has',
      looks: [{ '10.0.0.9:80': [9, 0] }, { '10.0.0.9:80': [9, 0] }],
      told: [],
    },
  ];
  for (const { name, looks, told } of rows) {
    it(`[P36] ${name}`, async () => {
      const { watch, clock, kernel, told: heard } = bench();
      watch.run();
      for (const handshakes of looks) {
        kernel.handshakes = handshakes;
        await clock.advance(2_000);
      }
      assert.deepEqual(heard, told);
      watch.close();
      assert.equal(clock.pendingTimers, 0);
    });
  }

  it('reports nothing of pools that are for datagrams alone', async () => {
    const { watch, clock, kernel, told } = bench('udp');
    watch.run();
    await clock.advance(2_000);
    kernel.handshakes = { '10.0.0.2:80': [9, 0] };
    await clock.advance(4_000);
    assert.deepEqual(told, []);
    watch.close();
  });

  it('takes what an earlier run asked for settled', async () => {
    const { watch, clock, kernel, told } = bench();
    kernel.handshakes = { '10.0.0.2:80': [9, 0] };
    await watch.begin();
    await watch.begin();
    watch.run();
    await clock.advance(6_000);
    assert.deepEqual(told, []);
    kernel.handshakes = { '10.0.0.2:80': [10, 0] };
    await clock.advance(4_000);
    assert.deepEqual(told, ['/a 10.0.0.2:80 failed']);
    watch.close();
  });

  it('asks who answered only where somebody tried', async () => {
    const { watch, clock, kernel } = bench();
    kernel.handshakes = { '10.0.0.2:80': [9, 9] };
    watch.run();
    await clock.advance(2_000);
    const { reads } = kernel;
    await clock.advance(2_000);
    assert.equal(kernel.reads, reads + 1);
    watch.close();
  });

  it('takes a tenth of the time at most where readings take long', async () => {
    const { watch, clock, kernel } = bench();
    kernel.handshakes = { '10.0.0.2:80': [9, 9] };
    kernel.takesMs = 1_000;
    watch.run();
    await clock.advance(2_000 + 2_000);
    const { reads } = kernel;
    await clock.advance(17_999);
    assert.equal(kernel.reads, reads);
    await clock.advance(1);
    assert.equal(kernel.reads, reads + 1);
    watch.close();
  });

  it('reports at most a hundred attempts of an endpoint at once', async () => {
    const { watch, clock, kernel, told } = bench();
    watch.run();
    await clock.advance(2_000);
    kernel.handshakes = { '10.0.0.2:80': [1_000_000, 0] };
    await clock.advance(4_000);
    assert.equal(told.length, 100);
    watch.close();
  });

  it('goes on where the kernel cannot be asked for a while, and looks no more when closed', async () => {
    const { watch, clock, kernel, told } = bench();
    watch.run();
    watch.run();
    await clock.advance(2_000);
    kernel.handshakes = undefined;
    await clock.advance(2_000);
    kernel.handshakes = { '10.0.0.2:80': [1, 0] };
    await clock.advance(4_000);
    assert.deepEqual(told, ['/a 10.0.0.2:80 failed']);
    const { reads } = kernel;
    watch.close();
    watch.run();
    await clock.advance(10_000);
    assert.equal(kernel.reads, reads);
    assert.equal(clock.pendingTimers, 0);
  });
});
