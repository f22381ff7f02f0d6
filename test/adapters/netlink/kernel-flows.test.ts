import assert from 'node:assert/strict';
import { KernelFlows } from '../../../src/adapters/netlink/kernel-flows.ts';
import { formatSocketAddress } from '../../../src/domain/address.ts';
import { TrackedFlowsError } from '../../../src/ports/tracked-flows.ts';
import { address } from '../../support/endpoints.ts';
import { KernelLab } from '../../support/kernel-lab.ts';
import { netfilterIn } from '../../support/netfilter-in.ts';
import type { NetfilterClient } from '../../../src/adapters/netlink/netfilter-client.ts';
import type { Flow } from '../../../src/ports/tracked-flows.ts';
import type { Agent } from '../../support/kernel-lab.ts';

const { signal } = new AbortController();

/** Somebody leads port 80 and 81 of the virtual IP to an endpoint, and port 53 of UDP. */
const RULES = `
add table inet x; add chain inet x pre { type nat hook prerouting priority -100; };
add rule inet x pre tcp flags & (fin | syn | rst | ack) != syn return;
add rule inet x pre ip daddr 172.30.0.1 tcp dport { 80, 81 } dnat ip to 10.30.0.1:80;
add rule inet x pre ip daddr 172.30.0.1 udp dport 53 dnat ip to 10.30.0.1:80;
add rule inet x pre ip6 daddr fd30::1 tcp dport 80 dnat ip6 to [fd31::1]:80;
`;

describe('KernelFlows, on this kernel,', () => {
  let [lab, consumer]: [KernelLab, Agent] = [] as never;
  let flows: KernelFlows;
  const virtualIps = [address('172.30.0.1'), address('fd30::1')];

  before(async function () {
    const opened = await KernelLab.open();
    if ('skip' in opened) {
      const first = this.test?.parent?.tests[0];
      if (first !== undefined) first.title += ` (skipped: ${opened.skip})`;
      return this.skip();
    }
    lab = opened;
    consumer = await lab.consumer(2);
    await lab.serveEndpoints(1);
    await lab.run('nft', RULES);
    flows = new KernelFlows(netfilterIn(lab.host));
  });
  after(async () => {
    await (lab as KernelLab | undefined)?.[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    await lab.run('conntrack', '-F');
  });

  async function list(translatedOnly: boolean): Promise<readonly Flow[]> {
    return flows.list({ destinations: virtualIps, translatedOnly }, { signal });
  }

  async function led(translatedOnly = true): Promise<readonly string[]> {
    const listed = await list(translatedOnly);
    return listed.map(inWords).sort();
  }

  it('lists flows by what was dialled and where they go, of both families and protocols', async () => {
    assert.deepEqual(await led(), []);
    await consumer.hold('four', '172.30.0.1', 80);
    await consumer.hold('six', 'fd30::1', 80);
    await consumer.hold('direct', '10.30.0.1', 80);
    await consumer.askUdp('172.30.0.1', 53);
    assert.deepEqual(await led(), [
      'tcp 172.30.0.1:80 → 10.30.0.1:80',
      'tcp [fd30::1]:80 → [fd31::1]:80',
      'udp 172.30.0.1:53 → 10.30.0.1:80',
    ]);
    assert.deepEqual(await flows.list({ destinations: [], translatedOnly: false }, { signal }), []);
  });

  it('lists what nobody translated only where that is wanted', async () => {
    await consumer.askUdp('172.30.0.1', 54);
    assert.deepEqual(await led(true), []);
    assert.deepEqual(await led(false), ['udp 172.30.0.1:54 → 172.30.0.1:54']);
  });

  it('[P25] cuts exactly what it is told, and does not mind what is gone', async () => {
    for (const [name, at, port] of [
      ['one', '172.30.0.1', 80],
      ['two', '172.30.0.1', 81],
      ['six', 'fd30::1', 80],
    ] as const) {
      await consumer.hold(name, at, port);
    }
    const listed = await list(true);
    const some = listed.filter(({ destination: { port } }) => port === 80);
    assert.equal(some.length, 2);
    await flows.cut(some, { signal });
    await flows.cut(some, { signal });
    assert.deepEqual(await led(), ['tcp 172.30.0.1:81 → 10.30.0.1:80']);
    const touched = [];
    for (const name of ['one', 'two', 'six']) touched.push(await consumer.touch(name));
    assert.deepEqual(touched, ['closed', 'alive', 'closed']);
  });

  it('ends with the reason of an abort', async () => {
    const reason = new Error('the proxier is closed');
    const aborted = { signal: AbortSignal.abort(reason) };
    await assert.rejects(flows.list({ destinations: virtualIps, translatedOnly: true }, aborted), reason);
  });
});

describe('KernelFlows', () => {
  const rows: readonly { readonly name: string; readonly client: Partial<NetfilterClient> }[] = [
    { name: 'there is no netlink', client: { open: () => undefined } },
    { name: 'a question is not taken', client: { open: () => socket({ send: () => false }) } },
    { name: 'there is no answer', client: { open: () => socket({}) } },
    { name: 'the answer is no message', client: { open: () => socket({ read: () => Buffer.from('no') }) } },
  ];
  for (const { name, client } of rows) {
    it(`says what is needed where ${name}`, async () => {
      const flows = new KernelFlows({ open: () => undefined, pause: () => Promise.resolve(), ...client });
      const wish = { destinations: [address('172.17.0.1')], translatedOnly: true };
      const flow = { protocol: 'tcp', source: AT, destination: AT, endpoint: AT } as const;
      for (const attempt of [flows.list(wish, { signal }), flows.cut([flow], { signal })]) {
        await assert.rejects(attempt, (error) => {
          assert(error instanceof TrackedFlowsError);
          assert.match(error.message, /nf_conntrack_netlink, and root or CAP_NET_ADMIN$/);
          return true;
        });
      }
    });
  }
});

const AT = { address: address('172.17.0.1'), port: 80 as Flow['source']['port'] };

function socket(
  rest: Partial<NonNullable<ReturnType<NetfilterClient['open']>>>,
): ReturnType<NetfilterClient['open']> {
  return { send: () => true, read: () => undefined, close: () => undefined, ...rest };
}

function inWords({ protocol, destination, endpoint }: Flow): string {
  return `${protocol} ${formatSocketAddress(destination)} → ${formatSocketAddress(endpoint)}`;
}
