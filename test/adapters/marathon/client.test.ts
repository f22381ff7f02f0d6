import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMarathonClient } from '../../../src/adapters/marathon/client.ts';
import { MarathonDiscovery } from '../../../src/adapters/marathon/marathon-discovery.ts';
import { MarathonError } from '../../../src/adapters/marathon/marathon-client.ts';
import { NodeClock } from '../../../src/adapters/node/node-clock.ts';
import { MarathonCluster } from '../../../sim/marathon/marathon-cluster.ts';
import { SeededRandom } from '../../../sim/random.ts';
import { DiscoveryView, service } from '../../support/discovery-view.ts';
import { hostApp, taskAt } from '../../support/marathon-source.ts';
import { MarathonServers } from '../../support/marathon-server.ts';
import { selfSigned } from '../../support/self-signed.ts';
import type { AddressInfo } from 'node:net';
import type { MarathonClientOptions } from '../../../src/adapters/marathon/client.ts';
import type { ClusterOptions } from '../../../sim/marathon/marathon-cluster.ts';

const clock = new NodeClock();
const { signal } = new AbortController();
const A = '10.0.0.1:31000';
const B = '10.0.0.2:31000';

describe('createMarathonClient', () => {
  const folder = mkdtempSync(join(tmpdir(), 'embassy-marathon-'));
  let stack: AsyncDisposableStack;

  beforeEach(() => {
    stack = new AsyncDisposableStack();
  });
  afterEach(async () => {
    await stack.disposeAsync();
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  async function cluster(
    options: ClusterOptions = {},
  ): Promise<{ model: MarathonCluster; servers: MarathonServers }> {
    const model = new MarathonCluster(options);
    model.deploy(hostApp('/web', { instances: 1, tasks: [taskAt('a', A)] }));
    return { model, servers: stack.use(await MarathonServers.start(model)) };
  }

  function clientOf(
    masters: readonly string[],
    rest: Partial<MarathonClientOptions> = {},
  ): ReturnType<typeof createMarathonClient> {
    const hosts = masters.map((master) => {
      const [host = '', port = ''] = master.split(':');
      return { host, port: Number(port) };
    });
    const none = { tls: undefined, credentials: undefined, tokenFile: undefined, callback: undefined };
    return createMarathonClient({ hosts, ...none, ...rest });
  }

  function viewOf(client: ReturnType<typeof createMarathonClient>): DiscoveryView {
    const discovery = new MarathonDiscovery(
      { client, clock, random: new SeededRandom(1) },
      { name: 'marathon' },
    );
    stack.use(discovery);
    return stack.use(new DiscoveryView(discovery, service('/web/80')));
  }

  const pass = async (ms: number): Promise<void> => clock.sleep(ms, { signal });
  const sees = async (view: DiscoveryView, addresses: readonly string[]): Promise<void> =>
    view.until(pass, () => JSON.stringify(view.addresses) === JSON.stringify(addresses));

  it('follows an app over a real stream of events, through an election', async () => {
    const { model, servers } = await cluster({ masters: 2 });
    const view = viewOf(clientOf(servers.masters));
    await sees(view, [A]);
    model.run('/web', taskAt('b', B));
    await sees(view, [A, B]);
    model.elect(1);
    model.kill('/web', 'a');
    await sees(view, [B]);
    assert(!view.kinds.includes('unreachable'));
  });

  it('gets events posted to it where masters have no stream, and ends the subscription', async () => {
    const { model, servers } = await cluster({ way: 'callback' });
    const free = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => free.once('listening', resolve));
    const { port } = free.address() as AddressInfo;
    await new Promise((resolve) => free.close(resolve));
    const view = viewOf(clientOf(servers.masters, { callback: { address: '127.0.0.1', port } }));
    await sees(view, [A]);
    await view.until(pass, () => model.subscriptions.size === 1);
    assert.deepEqual([...model.subscriptions], [`http://127.0.0.1:${port}/callback`]);
    model.run('/web', taskAt('b', B));
    await sees(view, [A, B]);
    const { subscriptions } = model;
    await view[Symbol.asyncDispose]();
    while (subscriptions.size > 0) await pass(5);
  });

  it('brings user and password, or the token, read from their files', async () => {
    const { servers } = await cluster();
    const [passwordFile, tokenFile] = [join(folder, 'password'), join(folder, 'token')];
    writeFileSync(passwordFile, 's3cret\n');
    writeFileSync(tokenFile, 't0ken\n');
    const path = '/v2/info';
    await using basic = clientOf(servers.masters, { credentials: { user: 'me', passwordFile } });
    await basic.ask('GET', path, { master: 0, signal });
    await using token = clientOf(servers.masters, { tokenFile });
    await token.ask('GET', path, { master: 0, signal });
    assert.deepEqual(servers.authorizations, [
      `Basic ${Buffer.from('me:s3cret').toString('base64')}`,
      'token=t0ken',
    ]);
  });

  it('speaks TLS with whom the authority vouches for, and says what is wrong with others', async () => {
    const { model } = await cluster();
    const certificate = selfSigned('127.0.0.1');
    const secure = stack.use(await MarathonServers.start(model, certificate));
    const plain = stack.use(await MarathonServers.start(model));
    const [ca, other] = [join(folder, 'ca.pem'), join(folder, 'other.pem')];
    writeFileSync(ca, certificate.cert);
    writeFileSync(other, selfSigned('127.0.0.1').cert);
    const trusting = (file: string): Partial<MarathonClientOptions> => ({
      tls: { ca: file, cert: undefined, key: undefined },
    });
    await sees(viewOf(clientOf(secure.masters, trusting(ca))), [A]);
    for (const { masters, rest, says } of [
      { masters: secure.masters, rest: trusting(other), says: /self-signed.*name its authority with ca=/ },
      { masters: secure.masters, rest: {}, says: /does it speak TLS \(marathon\+tls:\/\/\)\?/ },
      { masters: plain.masters, rest: trusting(ca), says: /does it speak TLS/ },
      { masters: secure.masters, rest: trusting(join(folder, 'none.pem')), says: /none\.pem.*is it there/ },
    ]) {
      await using client = clientOf(masters, rest);
      await assert.rejects(client.ask('GET', '/v2/info', { master: 0, signal }), says);
    }
  });

  it('takes posts alone, and none without end, where masters post events', async () => {
    const free = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => free.once('listening', resolve));
    const { port } = free.address() as AddressInfo;
    await new Promise((resolve) => free.close(resolve));
    await using client = clientOf(['127.0.0.1:1'], { callback: { address: '127.0.0.1', port } });
    const posted: string[] = [];
    await using listening = await client.listen((text) => posted.push(text));
    await assert.rejects(
      client.listen(() => undefined),
      /masters cannot post to 127\.0\.0\.1 port .*EADDRINUSE/,
    );
    assert.equal((await fetch(listening.url)).status, 405);
    assert.equal((await fetch(listening.url, { method: 'POST', body: '{"a":1}' })).status, 200);
    const long = await fetch(listening.url, { method: 'POST', body: 'x'.repeat(8 * 1024 * 1024) }).then(
      ({ status }) => status,
      () => 'cut',
    );
    assert.notEqual(long, 200);
    assert.deepEqual(posted, ['{"a":1}']);
  });

  it('names a file that is not there, and stays', async () => {
    const { servers } = await cluster();
    await using client = clientOf(servers.masters, { tokenFile: join(folder, 'none') });
    await assert.rejects(
      client.ask('GET', '/v2/info', { master: 0, signal }),
      (error) => error instanceof MarathonError && /cannot be read: ENOENT.*is it there/.test(error.message),
    );
  });

  it('says who is not there, and what to look at', async () => {
    await using client = clientOf(['127.0.0.1:1']);
    await assert.rejects(
      client.ask('GET', '/v2/info', { master: 0, signal }),
      (error) =>
        error instanceof MarathonError &&
        /127\.0\.0\.1:1 cannot be asked: .*ECONNREFUSED.*is Marathon running there/.test(error.message),
    );
  });

  it('gives up an answer that never ends', async () => {
    const endless = createServer((_request, response) => {
      const write = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(1024 * 1024)));
      };
      response.on('drain', write);
      write();
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => endless.once('listening', resolve));
    await using client = clientOf([`127.0.0.1:${(endless.address() as AddressInfo).port}`]);
    await assert.rejects(
      client.ask('GET', '/v2/info', { master: 0, signal }),
      (error) => error instanceof MarathonError && error.message.includes('longer than 33554432 bytes'),
    );
    endless.closeAllConnections();
    await new Promise((resolve) => endless.close(resolve));
  });

  it('does not follow a redirect to a stranger, nor bring it the token', async () => {
    const asked: (string | undefined)[] = [];
    const stranger = createServer((request, response) => {
      asked.push(request.headers.authorization);
      response.end('{}');
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => stranger.once('listening', resolve));
    const port = (stranger.address() as AddressInfo).port;
    const leading = createServer((_request, response) => {
      response.writeHead(302, { location: `http://127.0.0.1:${port}/v2/apps/web` }).end();
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => leading.once('listening', resolve));
    const tokenFile = join(folder, 'mine');
    writeFileSync(tokenFile, 'mine\n');
    const view = viewOf(clientOf([`127.0.0.1:${(leading.address() as AddressInfo).port}`], { tokenFile }));
    await view.until(pass, () => view.kinds.includes('unreachable'));
    const [item] = view.items;
    assert(item?.kind === 'unreachable');
    assert.match(
      item.reason,
      /redirects to http:\/\/127\.0\.0\.1:\d+\/v2\/apps\/web, which is none of the masters given/,
    );
    assert.deepEqual(asked, []);
    for (const server of [stranger, leading]) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });
});
