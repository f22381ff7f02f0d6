import assert from 'node:assert/strict';
import { nftablesClient } from '../../../src/adapters/nftables/client.ts';
import { RulesBench, told, VIRTUAL_IP, VIRTUAL_IP6 } from '../../adapters/nftables/rules-bench.ts';
import { binding } from '../../support/bindings.ts';
import { KernelLab } from '../../support/kernel-lab.ts';
import type { NftablesClient } from '../../../src/adapters/nftables/nftables-client.ts';
import type { Trace } from '../../../sim/nftables/packet.ts';
import type { Agent } from '../../support/kernel-lab.ts';

/** Namespaces, processes and rules take their time on a busy machine. */
const TIMEOUT_MS = 60_000;

const ALL = [1, 2, 3].map((n) => `10.30.0.${n}:80`);

/** Services by maglev: enough of them that picks which agree by chance are rare. */
const MAGLEV = [1, 2, 3, 4, 5, 6].map((n) => `/maglev-${n};${90 + n};balance=maglev`);

/** What Docker does with what leaves its bridges for other networks. */
const MASQUERADE = `
add table inet docker
add chain inet docker POSTROUTING { type nat hook postrouting priority srcnat; }
add rule inet docker POSTROUTING oifname "net0" masquerade
`;

/** What both kernels are asked, `times` connections one after the other. */
interface Row {
  readonly name: string;
  readonly port: number;
  readonly times?: number;
  readonly consumer?: 2 | 3;
  readonly kind?: 'udp' | 'IPv6';
}

const ROWS: readonly Row[] = [
  { name: 'a turn of three endpoints', port: 80, times: 7 },
  { name: 'the same port of another consumer', port: 80, consumer: 3, times: 2 },
  { name: 'a port that is not bound', port: 79 },
  { name: 'a neighbour, from which the consumer is hidden', port: 81 },
  { name: 'UDP', port: 53, kind: 'udp' },
  { name: 'IPv6', port: 80, kind: 'IPv6' },
  { name: 'a source that is kept', port: 82 },
  { name: 'a source that is kept, of UDP', port: 54, kind: 'udp' },
  { name: 'a source that is kept, of IPv6', port: 82, kind: 'IPv6' },
  { name: 'a source that is not kept, towards a neighbour', port: 83 },
  ...MAGLEV.flatMap((_, index) => [
    { name: `maglev ${index + 1}`, port: 91 + index },
    { name: `maglev ${index + 1}, for another consumer`, port: 91 + index, consumer: 3 as const },
  ]),
];

describe('PacketTracer beside the kernel of this machine', function () {
  this.timeout(TIMEOUT_MS);
  let lab: KernelLab | undefined;
  let consumers: ReadonlyMap<number, Agent>;
  let bench: RulesBench;
  let client: Pick<NftablesClient, 'apply' | 'list'>;

  before(async function () {
    const opened = await KernelLab.open();
    if ('skip' in opened) {
      if (this.test?.parent !== undefined) this.test.parent.title += ` (skipped: ${opened.skip})`;
      return this.skip();
    }
    lab = opened;
    const [one, two] = [await lab.consumer(2), await lab.consumer(3)];
    await two.serve('near', '172.30.0.3', 8080);
    consumers = new Map([
      [2, one],
      [3, two],
    ]);
    await lab.serveEndpoints(3);
    const real = nftablesClient({ prefix: ['ip', 'netns', 'exec', lab.host] });
    bench = new RulesBench();
    const { nft } = bench;
    client = {
      apply: async (script, options) => {
        await Promise.all([real.apply(script, options), nft.apply(script, options)]);
      },
      list: async (words, options) => nft.list(words, options),
    };
    bench.proxier = bench.make({ client, keepsRules: true });
    await client.apply(MASQUERADE, { signal: new AbortController().signal });
    await bench.sync(
      [binding('172.30.0.2', '/a;80'), told('/a;80', ALL)],
      [binding('172.30.0.3', '/b;80', 'c2'), told('/b;80', ALL.slice(1))],
      [binding('172.30.0.2', '/near;81'), told('/near;81', ['172.30.0.3:8080'])],
      [binding('172.30.0.2', '/dns;53/udp'), told('/dns;53/udp', ALL.slice(2))],
      [binding('fd30::2', '/six;80'), told('/six;80', ['[fd31::2]:80'])],
      [binding('172.30.0.2', '/a;82;source=keep'), told('/a;82', ALL)],
      [binding('172.30.0.2', '/dns;54/udp;source=keep'), told('/dns;54/udp', ALL.slice(2))],
      [binding('fd30::2', '/six;82;source=keep'), told('/six;82', ['[fd31::2]:80'])],
      [binding('172.30.0.2', '/near;83;source=keep'), told('/near;83', ['172.30.0.3:8080'])],
      ...MAGLEV.flatMap((text) => {
        const pool = told(text, ALL);
        const bound = ['172.30.0.2', '172.30.0.3'].map((source) => binding(source, text));
        return bound.map((each) => [each, pool] as const);
      }),
    );
  });

  after(async () => {
    await (bench as RulesBench | undefined)?.proxier[Symbol.asyncDispose]();
    await lab?.[Symbol.asyncDispose]();
  });

  /** Asks both kernels. */
  async function agree({ port, times = 1, consumer = 2, kind }: Omit<Row, 'name'>): Promise<void> {
    const agent = consumers.get(consumer);
    assert(agent !== undefined, 'made before');
    const isSix = kind === 'IPv6';
    const at = isSix ? VIRTUAL_IP6 : VIRTUAL_IP;
    const ask = kind === 'udp' ? agent.askUdp.bind(agent) : agent.ask.bind(agent);
    const expected = Array.from({ length: times }, () => {
      const source = isSix ? `fd30::${consumer}` : `172.30.0.${consumer}`;
      const to = isSix ? `[${at}]:${port}` : `${at}:${port}`;
      return answerTo(bench.trace({ source, to, protocol: kind === 'udp' ? 'udp' : 'tcp' }));
    });
    assert.deepEqual(await ask(at, port, times), expected);
  }

  for (const row of ROWS) {
    it(`agrees: ${row.name}`, async () => {
      await agree(row);
    });
  }

  it('agrees after changes, and over what an earlier run left', async () => {
    const [a, b] = [binding('172.30.0.2', '/a;80'), binding('172.30.0.3', '/b;80', 'c2')];
    await bench.sync([a, told('/a;80', ALL.slice(0, 2))], [b, told('/b;80', ALL.slice(1))]);
    for (const port of [80, 81]) await agree({ port, times: 3 });
    await bench.proxier[Symbol.asyncDispose]();
    bench.proxier = bench.make({ client });
    await bench.sync([a, told('/a;80')]);
    await agree({ port: 80, times: 3 });
    await agree({ port: 80, consumer: 3 });
  });
});

/** What a consumer hears: who answers, and whom that one sees. */
function answerTo(trace: Trace): string {
  if (trace.verdict !== 'forwarded') return 'ECONNREFUSED';
  const { address } = trace.to;
  const name = address === '172.30.0.3' ? 'near' : `e${address.slice(-1)}`;
  return `${name} ${trace.source.address}`;
}
