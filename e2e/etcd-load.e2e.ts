import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { Etcd3 } from 'etcd3';
import { createEtcdClient } from '../src/adapters/etcd/client.ts';
import { EtcdDiscovery } from '../src/adapters/etcd/etcd-discovery.ts';
import { formatSocketAddress } from '../src/domain/address.ts';
import { NodeRandom } from '../src/adapters/node/node-random.ts';
import { SeededRandom } from '../sim/random.ts';
import { DiscoveryView, service } from '../test/support/discovery-view.ts';
import { CountingClock } from './support/counting-clock.ts';
import { EtcdCluster } from './support/etcd-cluster.ts';
import { startOuterNetwork } from './support/outer-network.ts';
import { printProgress } from './support/progress.ts';
import { Proxy } from './support/proxy.ts';
import { until } from './support/until.ts';

const WEB = service('/services/load/web');
const KEYS_AT_START = 1_200;
const KEYS_MANY = 20_000;
/** A document of the original layout has about that; so 20 000 have twice what gRPC takes in one answer. */
const ENVIRONMENT = 'x'.repeat(350);
const OPERATIONS = 1_500;
const SERVICES = 1_000;
/** etcd takes no more in one transaction. */
const OPERATIONS_PER_TRANSACTION = 100;

/** Less than the resync interval, so that lists and events alone must have brought it there. */
const SETTLE_TIMEOUT_MS = 30_000;

describe('etcd under load', () => {
  let stack: AsyncDisposableStack;
  let cluster: EtcdCluster;
  let writer: Etcd3;

  before(async () => {
    stack = new AsyncDisposableStack();
    const network = stack.use(await startOuterNetwork());
    cluster = stack.use(await EtcdCluster.start(network));
    const hosts = cluster.hosts.map((host) => `http://${host}`);
    writer = new Etcd3({ hosts, grpcOptions: { 'grpc.max_receive_message_length': 64 * 1024 * 1024 } });
    stack.defer(() => {
      writer.close();
    });
  });

  after(async () => {
    await stack.disposeAsync();
  });

  afterEach(async () => {
    await writer.delete().all();
  });

  it('[P16] ends with what a linear read tells: puts, deletes, leases, compactions and cuts', async () => {
    const seed = Math.floor(new NodeRandom().next() * 2 ** 31);
    printProgress(`seed ${seed}`);
    const random = new SeededRandom(seed);
    await writeMany(KEYS_AT_START);
    await using wires = await wire();
    await using view = wires.watch(WEB);
    for (let done = 0; done < OPERATIONS; done += 1) {
      const key = `${WEB}/${random.integer(0, KEYS_AT_START + 50)}`;
      const value = `10.0.0.${random.integer(1, 254)}:${random.integer(1, 65_535)}`;
      const draw = random.next();
      if (draw < 0.6) await writer.put(key).value(value);
      else if (draw < 0.85) await writer.delete().key(key);
      else if (draw < 0.93) await putLeased(key, value);
      else if (draw < 0.99) await compact();
      else wires.drop();
    }
    await seesAll(view);
    assert.ok(
      !view.kinds.includes('unreachable'),
      JSON.stringify(view.items.filter((item) => 'reason' in item)),
    );
    await writer.put(`${WEB}/last`).value('10.0.0.255:1');
    await seesAll(view);
    printProgress(
      `${view.kinds.filter((kind) => kind === 'snapshot').length} lists in ${OPERATIONS} operations`,
    );
  }).timeout(180_000);

  it('[P16] lists 20 000 keys at one revision while every revision is compacted at once', async () => {
    await writeMany(KEYS_MANY);
    await using wires = await wire();
    const over = new AbortController();
    const compacting = (async () => {
      let turn = 0;
      while (!over.signal.aborted) {
        turn += 1;
        // One revision moves an endpoint from one key to another: a state between has one too many or few.
        await writer
          .if(`${WEB}/none`, 'Create', '==', 0)
          .then(
            writer.delete().key(`${WEB}/${turn % 2 === 0 ? 'even' : 'odd'}`),
            writer.put(`${WEB}/${turn % 2 === 0 ? 'odd' : 'even'}`).value('10.9.9.9:9'),
          )
          .commit();
        await compact();
      }
    })();
    const atMs = performance.now();
    await using view = wires.watch(WEB);
    await until('a first list', () => view.kinds.includes('snapshot') || undefined, { timeoutMs: 60_000 });
    printProgress(`20 000 keys listed within ${Math.round(performance.now() - atMs)} ms`);
    over.abort();
    await compacting;
    const [first] = view.items;
    assert.ok(first?.kind === 'snapshot', JSON.stringify(first).slice(0, 500));
    const extra = first.endpoints.length - KEYS_MANY;
    assert.ok(extra === 0 || extra === 1, `${first.endpoints.length} endpoints`);
    await seesAll(view);
  }).timeout(180_000);

  it('[D03] carries a thousand services on one socket', async () => {
    const gateway = (cluster.members[0]?.address ?? '').replace(/\d+$/u, '1');
    const sockets = async (): Promise<number> => {
      const counts = await Promise.all(cluster.members.map((member) => member.connectionsFrom(gateway)));
      return counts.reduce((sum, count) => sum + count, 0);
    };
    const before = await sockets();
    const heapBefore = process.memoryUsage().heapUsed;
    const clock = new CountingClock();
    const random = new NodeRandom();
    const ways = { hosts: cluster.hosts, tls: undefined, credentials: undefined };
    const client = createEtcdClient({ clock, random }, ways);
    await using discovery = new EtcdDiscovery({ client, clock, random }, { name: 'etcd' });
    const names = Array.from({ length: SERVICES }, (_, index) => service(`/services/many/s${index}`));
    const views = names.map((name) => new DiscoveryView(discovery, name));
    const told = (): number => views.filter(({ kinds }) => kinds.length > 0).length;
    await until('all to be listed', () => told() === SERVICES || undefined, { timeoutMs: 20_000 });
    const perWatch = Math.round((process.memoryUsage().heapUsed - heapBefore) / SERVICES / 1024);
    assert.equal((await sockets()) - before, 1);
    await writer.put(`${names[SERVICES - 1] ?? ''}/x`).value('10.0.0.1:80');
    await until('the last to change', () => views.at(-1)?.addresses?.length === 1 || undefined, {
      timeoutMs: 5_000,
    });
    printProgress(`1000 watches: 1 socket, ${perWatch} KB of heap for each`);
    for (const view of views) await view[Symbol.asyncDispose]();
    assert.equal(clock.pendingTimers, 0);
  }).timeout(60_000);

  async function writeMany(count: number): Promise<void> {
    for (let from = 0; from < count; from += OPERATIONS_PER_TRANSACTION) {
      const puts = Array.from({ length: Math.min(OPERATIONS_PER_TRANSACTION, count - from) }, (_, index) => {
        const n = from + index;
        const at = { ipaddress: `10.1.${n >> 8}.${n & 255}`, port: '80', env: { PADDING: ENVIRONMENT } };
        return writer.put(`${WEB}/${n}`).value(JSON.stringify(at));
      });
      await writer
        .if(`${WEB}/none`, 'Create', '==', 0)
        .then(...puts)
        .commit();
    }
  }

  /** The shortest lease there is; it ends within the test. */
  async function putLeased(key: string, value: string): Promise<void> {
    const { ID } = await writer.leaseClient.leaseGrant({ TTL: 2 });
    await writer.put(key).value(value).lease(ID);
  }

  async function compact(): Promise<void> {
    const { header } = await writer.kv.range({ key: Buffer.from([0]), limit: 1 });
    // Two at a time may compact the same revision.
    await writer.kv.compact({ revision: header.revision }).catch(() => undefined);
  }

  /** Waits until a view is what a linear read tells, also once leases have ended. */
  async function seesAll(view: DiscoveryView): Promise<void> {
    await delay(3_000);
    const read = async (): Promise<readonly string[]> => {
      const { kvs } = await writer.kv.range({
        key: Buffer.from(`${WEB}/`),
        range_end: Buffer.from(`${WEB}0`),
      });
      return kvs.map(({ key, value }) => `${key.toString()} ${addressIn(value.toString())}`).sort();
    };
    await until(
      'the view to equal a linear read',
      async () => {
        const seen = view.endpoints
          .map((endpoint) => `${endpoint.id} ${formatSocketAddress(endpoint)}`)
          .sort();
        return JSON.stringify(seen) === JSON.stringify(await read()) || undefined;
      },
      { timeoutMs: SETTLE_TIMEOUT_MS, everyMs: 500 },
    );
  }

  /** A discovery behind wires that can be cut. */
  async function wire(): Promise<AsyncDisposable & { watch(name: typeof WEB): DiscoveryView; drop(): void }> {
    const proxies = await Promise.all(
      cluster.members.map((member) =>
        Proxy.start({ host: '127.0.0.1', port: 0 }, { host: member.address, port: member.port }),
      ),
    );
    const hosts = proxies.map(({ address }) => ('port' in address ? `${address.host}:${address.port}` : ''));
    const clock = new CountingClock();
    const random = new NodeRandom();
    const client = createEtcdClient({ clock, random }, { hosts, tls: undefined, credentials: undefined });
    const discovery = new EtcdDiscovery({ client, clock, random }, { name: 'etcd' });
    return {
      watch: (name) => new DiscoveryView(discovery, name),
      drop: () => {
        for (const proxy of proxies) proxy.drop();
      },
      [Symbol.asyncDispose]: async () => {
        await discovery[Symbol.asyncDispose]();
        for (const proxy of proxies) await proxy[Symbol.asyncDispose]();
      },
    };
  }
});

/** What a document says, in either layout that is written here. */
function addressIn(text: string): string {
  return /"ipaddress":"([^"]+)"/u.exec(text)?.[1]?.concat(':80') ?? text;
}
