import assert from 'node:assert/strict';

import { DockerHost } from './support/docker-host.ts';
import { endpointMachine, parseStreamReport, startEndpoint } from './support/endpoint.ts';
import { EtcdServer } from './support/etcd.ts';
import { startOuterNetwork } from './support/outer-network.ts';
import { streamPayloadSha256 } from './support/stream-payload.ts';
import { until } from './support/until.ts';

import type { StartedNetwork } from 'testcontainers';
import type { StartedDockerHost } from './support/started-docker-host.ts';
import type { StartedEtcdServer } from './support/etcd.ts';
import type { StartedMachine } from './support/started-machine.ts';

const STREAM_BYTES = 10 * 1024 * 1024;

/** The harness itself, without embassy: when this fails, no other e2e result means anything. */
describe('the e2e harness', () => {
  let stack: AsyncDisposableStack;
  let network: StartedNetwork;
  let host: StartedDockerHost;
  let etcd: StartedEtcdServer;
  let endpoints: StartedMachine;

  before(async () => {
    stack = new AsyncDisposableStack();
    network = stack.use(await startOuterNetwork());
    host = stack.use(await new DockerHost(network).withEngineOptions('--live-restore').start());
    etcd = stack.use(await new EtcdServer(network).start());
    endpoints = stack.use(await endpointMachine(network).start());
  });

  after(async () => {
    await stack.disposeAsync();
  });

  it('runs the pinned Node 24 inside a host, from the checkout', async () => {
    const version = await host.output(['/opt/embassy/node_modules/node/bin/node', '--version']);
    assert.match(version, /^v24\./u);
  });

  it('lets a consumer reach an HTTP endpoint of another machine, which tells its name', async () => {
    await using endpoint = await startEndpoint(endpoints, { kind: 'http', name: 'blue', port: 8001 });
    await using consumer = await host.runConsumer({ name: 'reader', env: { GREETING: 'hello' } });
    const answer = await consumer.get(`http://${endpoint.address}:${endpoint.port}/path`);
    assert.deepEqual(answer, { exitCode: 0, stdout: 'blue\n', stderr: '' });
    assert.equal((await consumer.exec(['sh', '-c', 'echo $GREETING; echo aside >&2; exit 3'])).exitCode, 3);
    await endpoint.process.waitForLog(/blue answers .* \/path/u, 1000);
  });

  it('lets an endpoint run on the host itself, and end', async () => {
    const endpoint = await startEndpoint(host, { kind: 'http', name: 'local', port: 8002 });
    await using consumer = await host.runConsumer({ name: 'neighbour' });
    const url = `http://${await host.interfaceAddress('docker0')}:8002`;
    assert.notEqual((await consumer.get(url)).exitCode, 0, 'it listens on the outer address only');
    assert.equal((await consumer.get(`http://${host.address}:8002`)).stdout, 'local\n');
    await endpoint.process.signal('SIGKILL');
    assert.equal(await endpoint.process.waitExit(2000), 128 + 9);
    assert.notEqual((await consumer.get(`http://${host.address}:8002`)).exitCode, 0);
    await endpoint[Symbol.asyncDispose]();
  });

  it('moves ten megabytes each way over a connection that the consumer half-closes', async () => {
    await using endpoint = await startEndpoint(endpoints, {
      kind: 'stream',
      name: 'bulk',
      port: 8003,
      sendBytes: STREAM_BYTES,
    });
    await using consumer = await host.runConsumer({ name: 'bulk-reader' });
    const script = `head -c ${STREAM_BYTES} /dev/urandom >/sent && sha256sum </sent
      nc ${endpoint.address} ${endpoint.port} </sent >/got
      head -n 1 /got; tail -n +2 /got | sha256sum`;
    const { stdout } = await consumer.exec(['sh', '-c', script]);
    const [sent = '', report = '', got = ''] = stdout.split('\n');
    const sha256 = sent.slice(0, 64);
    assert.deepEqual(parseStreamReport(report), { name: 'bulk', receivedBytes: STREAM_BYTES, sha256 });
    assert.equal(got.slice(0, 64), streamPayloadSha256(STREAM_BYTES));
  });

  it('gives consumers an address of their own, and the same one to the next', async () => {
    await host.createNetwork('fixed', '10.77.0.0/24');
    const first = await host.runConsumer({ name: 'first', network: 'fixed', ip: '10.77.0.9' });
    assert.deepEqual([...(await first.addresses())], [['fixed', '10.77.0.9']]);
    await first.remove();
    const second = await host.runConsumer({ name: 'second', network: 'fixed', ip: '10.77.0.9' });
    assert.equal(await second.address(), '10.77.0.9');
    await host.removeConsumers();
    assert.deepEqual(await host.engine.listContainers({ all: true }), []);
    await assert.rejects(host.engine.getNetwork('fixed').inspect(), { statusCode: 404 });
  });

  it('keeps etcd documents, expires leases, compacts, and stops and starts with its data', async () => {
    await etcd.put('/services/app/1', '{"host":"10.0.0.1"}');
    const lease = await etcd.grantLease(2);
    await etcd.put('/services/app/2', 'leased', lease);
    assert.equal(await readFromHost('/services/app/1'), '{"host":"10.0.0.1"}');
    const expired = async (): Promise<true | undefined> => {
      return (await etcd.get('/services/app/2')) === undefined ? true : undefined;
    };
    await until('the lease to expire', expired, { timeoutMs: 10_000 });
    const revision = await etcd.revision();
    await etcd.put('/services/app/1', 'new');
    await etcd.compact();
    const past = ['etcdctl', 'get', `--rev=${revision}`, '/services/app/1'];
    await assert.rejects(etcd.output(past), /compacted/u);
    await etcd.stopServer();
    await assert.rejects(readFromHost('/services/app/1'), /ECONNREFUSED/u);
    await etcd.startServer();
    assert.equal(await readFromHost('/services/app/1'), 'new');
    await etcd.deletePrefix('/services/');
    assert.equal(await etcd.get('/services/app/1'), undefined);
  });

  it('makes etcd hang, and vanish for one host', async () => {
    await etcd.put('/key', 'value');
    await etcd.pause();
    await assert.rejects(readFromHost('/key'), /TimeoutError/u);
    await etcd.unpause();
    await host.partition(etcd.address);
    await assert.rejects(readFromHost('/key'), /TimeoutError/u);
    assert.equal(await etcd.get('/key'), 'value');
    await host.repair(etcd.address);
    assert.equal(await readFromHost('/key'), 'value');
  });

  it('kills the engine, whose containers live on, and starts it again', async () => {
    const consumer = await host.runConsumer({ name: 'survivor' });
    const rules = await sortedRules();
    await host.killEngine();
    await assert.rejects(consumer.exec(['true']), { code: 'ECONNREFUSED' });
    assert.notEqual((await host.output(['pgrep', '-f', 'sleep infinity'])).trim(), '');
    await host.startEngine();
    assert.equal((await consumer.exec(['true'])).exitCode, 0);
    assert.deepEqual(await sortedRules(), rules, 'an engine that comes back makes its rules once more');
    await consumer.remove();
  });

  it('leaves nothing of a host that is stopped with a consumer running', async () => {
    const other = await new DockerHost(network).start();
    const consumer = await other.runConsumer({ name: 'forgotten' });
    const cgroups = ['find', '/sys/fs/cgroup', '-type', 'd', '-name', consumer.id];
    assert.notEqual(await host.output(cgroups), '', "the inner containers' cgroups lie in the shared tree");
    await other.stop();
    assert.equal(await host.output(cgroups), '');
  });

  /** In no order: an engine that comes back puts its jumps elsewhere. */
  async function sortedRules(): Promise<readonly string[]> {
    return (await host.iptablesSave()).split('\n').sort();
  }

  /** One read of a key over etcd's JSON gateway, by the host's own network. */
  async function readFromHost(key: string): Promise<string> {
    const url = `http://${etcd.address}:${etcd.port}/v3/kv/range`;
    const body = JSON.stringify({ key: Buffer.from(key).toString('base64') });
    const program = `
      fetch(process.argv[1], { method: 'POST', body: process.argv[2], signal: AbortSignal.timeout(1500) })
        .then((response) => response.json())
        .then(({ kvs }) => process.stdout.write(atob(kvs[0].value)))
        .catch((error) => { console.error(error.name, error.cause?.code); process.exit(1); });`;
    return host.output(['/opt/embassy/node_modules/node/bin/node', '-e', program, url, body]);
  }
});
