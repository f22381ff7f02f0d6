import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createEtcdClient } from '../src/adapters/etcd/client.ts';
import { EtcdError } from '../src/adapters/etcd/etcd-client.ts';
import { NodeClock } from '../src/adapters/node/node-clock.ts';
import { NodeRandom } from '../src/adapters/node/node-random.ts';
import { issueCertificate } from './support/certificates.ts';
import { DockerHost } from './support/docker-host.ts';
import { endpointMachine, startEndpoint } from './support/endpoint.ts';
import { environment } from './support/environment.ts';
import { EtcdCluster } from './support/etcd-cluster.ts';
import { startOuterNetwork } from './support/outer-network.ts';
import { printProgress } from './support/progress.ts';
import { Proxy } from './support/proxy.ts';
import { Traffic, tally } from './support/traffic.ts';
import { until } from './support/until.ts';
import type { EtcdClient } from '../src/adapters/etcd/etcd-client.ts';
import type { Certificate } from './support/certificates.ts';
import type { Consumer } from './support/consumer.ts';
import type { Endpoint } from './support/endpoint.ts';
import type { EtcdSettings, StartedEtcdServer } from './support/etcd.ts';
import type { RunningEmbassy, StartedDockerHost } from './support/started-docker-host.ts';
import type { Request } from './support/traffic.ts';

const SERVICE = '/services/prod/web';
const SECRET = '/services/secret/db';
/** Where the files are, in the members and on the host. */
const FOLDER = '/etc/etcd-tls';
const IN_FOLDER = (name: string): string => path.posix.join(FOLDER, name);
/** Tokens that etcd forgets sooner than embassy asks for a sign of life. */
const TOKEN_TTL_S = 2;
const CHANGES = 12;
const EFFECT_LIMIT_MS = 1_000;
const LOG_TIMEOUT_MS = 15_000;
const READY_TIMEOUT_MS = 20_000;
const FIRST = { prefix: `${SERVICE}/`, revision: undefined, from: undefined, limit: 10 };
const TLS_FLAGS = ['--cacert', '--cert', '--key'].map((flag, index) => {
  return `${flag}=${IN_FOLDER(['ca.pem', 'client.pem', 'client.key'][index] ?? '')}`;
});

describe('an etcd cluster with TLS and users', () => {
  let stack: AsyncDisposableStack;
  let host: StartedDockerHost;
  let cluster: EtcdCluster;
  let embassy: RunningEmbassy;
  let consumer: Consumer;
  let virtualIp: string;
  let a: Endpoint;
  let b: Endpoint;
  let ca: Certificate;
  let server: Certificate;
  let client: Certificate;

  before(async () => {
    stack = new AsyncDisposableStack();
    const network = stack.use(await startOuterNetwork());
    host = stack.use(await new DockerHost(network).start());
    cluster = stack.use(await EtcdCluster.start(network, prepare));
    await createUsers();
    const machine = stack.use(await endpointMachine(network).start());
    a = stack.use(await startEndpoint(machine, { kind: 'http', name: 'a', port: 8001 }));
    b = stack.use(await startEndpoint(machine, { kind: 'http', name: 'b', port: 8002 }));
    await register(a);
    virtualIp = await host.interfaceAddress('docker0');
    await place(host, {
      'ca.pem': ca.certificate,
      'client.pem': client.certificate,
      'client.key': client.key,
    });
    await place(host, { password: 'not this\n' });
    embassy = stack.use(
      await host.startEmbassy([
        '-provider=docker',
        `-discovery=etcd://embassy@${cluster.hosts.join(',')}?password-file=${IN_FOLDER('password')}`,
        `-etcd-cacert=${IN_FOLDER('ca.pem')}`,
        `-etcd-cert=${IN_FOLDER('client.pem')}`,
        `-etcd-keycert=${IN_FOLDER('client.key')}`,
        '-interface=eth0',
        '--dnat',
      ]),
    );
    await embassy.waitForLog(/capturing traffic for /u, READY_TIMEOUT_MS);
    consumer = await host.runConsumer({ name: 'reader', env: { BACKEND_APP1: `${SERVICE};80` } });
  });

  after(async () => {
    await stack.disposeAsync();
  });

  it('rejects a wrong password, which is told apart, and takes the right one without a restart', async () => {
    const pattern = /refuses to tell the endpoints of .*it rejected the user 'embassy' with the password of/u;
    printProgress(await embassy.waitForLog(pattern, LOG_TIMEOUT_MS));
    await place(host, { password: 'secret\n' });
    await using traffic = await start();
    await traffic.first('that a answered', answeredBy('a'), LOG_TIMEOUT_MS);
  });

  it('[P13] refuses one service that the user may not read, and tells the other', async () => {
    await using spy = await host.runConsumer({
      name: 'spy',
      env: { BACKEND_APP1: `${SERVICE};80`, BACKEND_DB: `${SECRET};81` },
    });
    const pattern =
      /refuses to tell .*user 'embassy' has no right to read keys that begin with \/services\/secret/u;
    await embassy.waitForLog(pattern, LOG_TIMEOUT_MS);
    await using traffic = await Traffic.start(host, spy, { address: virtualIp, port: 80 });
    await traffic.first('that a answered', answeredBy('a'), LOG_TIMEOUT_MS);
  });

  it('tells every change while tokens run out every 2 s, and no request fails', async () => {
    await using traffic = await start();
    await traffic.first('that a answered', answeredBy('a'));
    const before = await embassy.lineCount();
    for (let turn = 0; turn < CHANGES; turn += 1) {
      const [next, last] = turn % 2 === 0 ? [b, a] : [a, b];
      const atMs = Date.now();
      await register(next);
      await cluster.another().delete(`${SERVICE}/${last.name}`);
      const isNext = answeredBy(next.name);
      await traffic.first(
        `that ${next.name} answered`,
        (request) => request.startedAtMs > atMs && isNext(request),
      );
      const limitMs = Date.now() + EFFECT_LIMIT_MS;
      await traffic.first('after the limit', ({ startedAtMs }) => startedAtMs > limitMs);
      const late = (await traffic.requests()).filter(({ startedAtMs }) => startedAtMs > limitMs);
      assert.deepEqual(Object.keys(tally(late)), [next.name]);
    }
    assert.deepEqual(Object.keys(tally(await traffic.stop())).sort(), ['a', 'b'], 'none may fail');
    const log = (await embassy.log()).split('\n').slice(before).join('\n');
    assert.doesNotMatch(log, /tell the endpoints of \/services\/prod/u, 'no outage was told');
  });

  it('follows through the restart of every member in turn, and no request fails', async () => {
    await using traffic = await start();
    for (const [turn, member] of cluster.members.entries()) {
      await member.killServer();
      const [next, last] = turn % 2 === 0 ? [b, a] : [a, b];
      const other = cluster.another(member);
      const atMs = Date.now();
      await register(next, other);
      await until('a delete', () => other.delete(`${SERVICE}/${last.name}`).then(() => true), {
        timeoutMs: LOG_TIMEOUT_MS,
      });
      const isNext = answeredBy(next.name);
      await traffic.first(
        `that ${next.name} answered`,
        (request) => request.startedAtMs > atMs && isNext(request),
        LOG_TIMEOUT_MS,
      );
      await member.startServer();
    }
    assert.deepEqual(Object.keys(tally(await traffic.stop())).sort(), ['a', 'b'], 'none may fail');
  });

  describe('and files that are wrong', () => {
    let folder: string;
    let wire: Proxy;
    let hostInUse: string;

    beforeEach(async () => {
      folder = path.join(environment().runDirectory, 'tls');
      const member = cluster.another();
      wire = await Proxy.start({ host: '127.0.0.1', port: 0 }, { host: member.address, port: member.port });
      hostInUse = 'port' in wire.address ? `127.0.0.1:${wire.address.port}` : '';
      await mkdir(folder, { recursive: true });
      await write({
        'ca.pem': ca.certificate,
        'client.pem': client.certificate,
        'client.key': client.key,
        password: 'secret',
      });
    });

    afterEach(async () => {
      await wire[Symbol.asyncDispose]();
      await Promise.all(cluster.members.map((member) => placeServer(member, server)));
    });

    it('says what is wrong with each, naming it, and works once it is mended', async () => {
      const other = await issueCertificate(cluster.another(), 'other', { by: 'other' });
      const expired = await issueCertificate(cluster.another(), 'expired', { by: 'ca', days: -1 });
      const good = { 'ca.pem': ca.certificate, 'client.pem': client.certificate, 'client.key': client.key };
      const rows: readonly { files: Readonly<Record<string, string>>; says: RegExp }[] = [
        {
          files: { 'ca.pem': other.certificate },
          says: /its certificate is not signed by a CA of \S+\/ca\.pem$/u,
        },
        { files: { 'ca.pem': 'hello' }, says: /\/ca\.pem holds no certificate in PEM form/u },
        {
          files: { 'client.key': server.key },
          says: /client\.key is not the key of the certificate \S+client\.pem/u,
        },
        {
          files: { 'client.pem': other.certificate, 'client.key': other.key },
          says: /it refuses the client certificate \S+client\.pem; is it signed by the CA that etcd trusts\?$/u,
        },
        {
          files: { 'client.pem': expired.certificate, 'client.key': expired.key },
          says: /it refuses the client certificate .*client\.pem expired at 20\S+; renew it\)/u,
        },
      ];
      for (const { files, says } of rows) {
        await write(files);
        await using etcd = clientOf(hostInUse);
        const error = await failureOf(etcd);
        printProgress(error.message);
        assert.match(error.message, says);
        await write(good);
        assert.equal((await etcd.range(FIRST, { signal: new AbortController().signal })).items.length, 1);
      }
    });

    it('says what is wrong with the certificate of the server', async () => {
      const days = { by: 'ca', names: 'IP:127.0.0.1' };
      const expired = await issueCertificate(cluster.another(), 'expired-server', { ...days, days: -1 });
      await using etcd = clientOf(hostInUse);
      await placeServer(cluster.another(), expired);
      const error = await failureOf(etcd);
      assert.match(error.message, /its certificate has expired, or the CA's in \S+\/ca\.pem; renew it$/u);
      await placeServer(cluster.another(), server);
      await using named = clientOf(hostInUse.replace('127.0.0.1', 'localhost'));
      const second = await failureOf(named);
      assert.match(second.message, /its certificate is not made for the name localhost; use a/u);
    });

    it('says that a client certificate is missing, that TLS is, and that a user is', async () => {
      await using bare = clientOf(hostInUse, { cert: undefined, key: undefined });
      assert.match(
        (await failureOf(bare)).message,
        /it wants a client certificate; give one with cert= and key=$/u,
      );
      const plain = { clock: new NodeClock(), random: new NodeRandom() };
      await using etcd = createEtcdClient(plain, {
        hosts: [hostInUse],
        tls: undefined,
        credentials: undefined,
      });
      assert.match((await failureOf(etcd)).message, /does it want TLS \(etcd\+tls:\/\/\)\?$/u);
    });

    function clientOf(
      at: string,
      files: { readonly cert?: undefined; readonly key?: undefined } = {},
    ): EtcdClient {
      const inFolder = (name: string): string => path.join(folder, name);
      const tls = {
        ca: inFolder('ca.pem'),
        cert: inFolder('client.pem'),
        key: inFolder('client.key'),
        ...files,
      };
      const credentials = { user: 'embassy', passwordFile: inFolder('password') };
      const dependencies = { clock: new NodeClock(), random: new NodeRandom() };
      return createEtcdClient(dependencies, { hosts: [at], tls, credentials });
    }

    async function write(files: Readonly<Record<string, string>>): Promise<void> {
      for (const [name, text] of Object.entries(files)) await writeFile(path.join(folder, name), text);
    }
  });

  /** Makes the certificates in the first member, and gives the members theirs. */
  async function prepare(members: readonly StartedEtcdServer[]): Promise<EtcdSettings> {
    const [maker] = members;
    assert.ok(maker !== undefined);
    const names = ['127.0.0.1', ...members.map(({ address }) => address)].map((address) => `IP:${address}`);
    ca = await issueCertificate(maker, 'ca', { by: 'ca' });
    server = await issueCertificate(maker, 'server', { by: 'ca', names: names.join(',') });
    client = await issueCertificate(maker, 'client', { by: 'ca' });
    for (const member of members) {
      await place(member, {
        'ca.pem': ca.certificate,
        'client.pem': client.certificate,
        'client.key': client.key,
      });
      await placeServer(member, server);
    }
    return {
      scheme: 'https',
      serverArguments: [
        `--cert-file=${IN_FOLDER('server.pem')}`,
        `--key-file=${IN_FOLDER('server.key')}`,
        `--trusted-ca-file=${IN_FOLDER('ca.pem')}`,
        '--client-cert-auth',
        `--auth-token-ttl=${TOKEN_TTL_S}`,
      ],
      ctlArguments: TLS_FLAGS,
    };
  }

  async function createUsers(): Promise<void> {
    const etcd = cluster.another();
    await etcd.etcdctl(['user', 'add', 'root:root']);
    await etcd.etcdctl(['user', 'grant-role', 'root', 'root']);
    await etcd.etcdctl(['user', 'add', 'embassy:secret']);
    await etcd.etcdctl(['role', 'add', 'reader']);
    await etcd.etcdctl(['role', 'grant-permission', 'reader', 'read', '--prefix=true', '/services/prod/']);
    await etcd.etcdctl(['user', 'grant-role', 'embassy', 'reader']);
    await etcd.etcdctl(['auth', 'enable']);
    for (const member of cluster.members) member.speakWith([...TLS_FLAGS, '--user=root:root']);
  }

  async function register(endpoint: Endpoint, etcd = cluster.another()): Promise<void> {
    const { name, address, port } = endpoint;
    const document = { id: name, ipaddress: address, host_port: String(port), proto: 'tcp' };
    // Members that are just electing a leader refuse writes, and a registrar tries again.
    await until('a write', () => etcd.put(`${SERVICE}/${name}`, JSON.stringify(document)).then(() => true), {
      timeoutMs: LOG_TIMEOUT_MS,
    });
  }

  async function start(): Promise<Traffic> {
    return Traffic.start(host, consumer, { address: virtualIp, port: 80, everyMs: 20 });
  }
});

async function placeServer(member: StartedEtcdServer, { certificate, key }: Certificate): Promise<void> {
  await place(member, { 'server.pem': certificate, 'server.key': key });
}

async function place(
  machine: Pick<StartedEtcdServer, 'copyContentToContainer'>,
  files: Readonly<Record<string, string>>,
): Promise<void> {
  const entries = Object.entries(files);
  await machine.copyContentToContainer(
    entries.map(([name, content]) => ({ content, target: IN_FOLDER(name) })),
  );
}

async function failureOf(client: EtcdClient): Promise<EtcdError> {
  const { signal } = new AbortController();
  const error = await client.range(FIRST, { signal }).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof EtcdError, `${String(error)} instead of an EtcdError`);
  return error;
}

function answeredBy(name: string): (request: Request) => boolean {
  return (request) => request.kind === 'answered' && request.by === name;
}
