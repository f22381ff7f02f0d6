import assert from 'node:assert/strict';
import { isRefused, requestsOf, tally } from './support/traffic.ts';
import { World } from './support/world.ts';
import type { Consumer } from './support/consumer.ts';
import type { Request } from './support/traffic.ts';
import type { RunningEmbassy } from './support/started-docker-host.ts';

const FRONTEND = '/services/prod/frontend/frontend_http';

/** Where the admin API is unless told otherwise. */
const ADMIN_PORT = 9998;

const READY_TIMEOUT_MS = 20_000;

const POLICY_FILE = 'policy.yaml';
const ALL_ALLOWED = "rules: [{ services: '*' }]\n";
const OWNER_DENIED = "rules: [{ containers: { name: guest* }, services: '*' }]\n";

describe('a container', () => {
  let stack: AsyncDisposableStack;
  let world: World;
  let embassy: RunningEmbassy;
  let owner: Consumer;
  let stranger: Consumer;

  before(async () => {
    stack = new AsyncDisposableStack();
    world = stack.use(await World.start());
    stack.use(await world.offer(FRONTEND, 'frontend'));
    const policy = await world.host.writeShared(POLICY_FILE, ALL_ALLOWED);
    embassy = stack.use(await world.embassy([`--access-policy=${policy}`]));
    owner = stack.use(await world.host.runConsumer({ name: 'owner', env: { BACKEND_A: `${FRONTEND};80` } }));
    stranger = stack.use(await world.host.runConsumer({ name: 'stranger' }));
    await embassy.waitForLog(/bound owner/u, READY_TIMEOUT_MS);
    await embassy.waitForLog(/frontend_http has 1 endpoint/u, READY_TIMEOUT_MS);
  });

  after(async () => {
    await stack.disposeAsync();
  });

  it('does not reach what another one bound', async () => {
    assert.deepEqual(tally(await ask(owner, world.virtualIp, 80)), { frontend: 3 });
    const refused = await ask(stranger, world.virtualIp, 80);
    assert.ok(refused.every(isRefused), JSON.stringify(tally(refused)));
  });

  it('does not reach the admin API, at the virtual IP or at another address of the host', async () => {
    for (const address of [world.virtualIp, world.host.address]) {
      const refused = await ask(stranger, address, ADMIN_PORT);
      assert.ok(refused.every(isRefused), `${address}: ${JSON.stringify(tally(refused))}`);
    }
  });

  it("does not reach embassy's own listener as a way to anything", async () => {
    const refused = await ask(stranger, world.virtualIp, 9999);
    assert.ok(refused.every(isRefused), JSON.stringify(tally(refused)));
  });

  it('sees no socket of embassy', async () => {
    const { exitCode } = await stranger.exec(['ls', '/run/embassy.sock']);
    assert.notEqual(exitCode, 0);
  });

  it("is told nothing over TCP when it is on the host's own network, and changes nothing", async () => {
    await using guest = await world.host.runConsumer({
      name: 'guest',
      network: 'host',
      env: { BACKEND_A: `${FRONTEND};8888` },
    });
    await embassy.waitForLog(/bound guest/u, READY_TIMEOUT_MS);
    const base = `http://127.0.0.1:${ADMIN_PORT}`;
    const read = await guest.exec(['wget', '-qO-', `${base}/v1/bindings`]);
    assert.match(read.stderr, /403 Forbidden/u);
    const eject = `${base}/v1/endpoints/eject?service=${FRONTEND}&endpoint=x`;
    const change = ['wget', '-qO-', '--post-data=x', eject];
    assert.match((await guest.exec(change)).stderr, /403 Forbidden/u);
    const alive = await guest.exec(['wget', '-qO-', `${base}/healthz`]);
    assert.equal(alive.exitCode, 0, alive.stderr);
  });

  it('is refused what the access policy does not allow, from the moment that it says so', async () => {
    await world.host.writeShared(POLICY_FILE, OWNER_DENIED);
    await embassy.waitForLog(
      /container owner, .*no rule of the access policy .* lets it use/u,
      READY_TIMEOUT_MS,
    );
    const refused = await ask(owner, world.virtualIp, 80);
    assert.ok(refused.every(isRefused), JSON.stringify(tally(refused)));
    const explained = await world.host.runEmbassy(['explain', 'owner', '80']);
    assert.match(explained.output, /Reported: .*no rule of the access policy/u);
    await world.host.writeShared(POLICY_FILE, 'rules: [');
    await embassy.waitForLog(/the last good one stays in force/u, READY_TIMEOUT_MS);
    assert.ok((await ask(owner, world.virtualIp, 80)).every(isRefused));
    const bound = await embassy.lineCount();
    await world.host.writeShared(POLICY_FILE, ALL_ALLOWED);
    await embassy.waitForLog(/bound owner/u, READY_TIMEOUT_MS, bound);
    assert.deepEqual(tally(await ask(owner, world.virtualIp, 80)), { frontend: 3 });
  });

  it('is not the only one kept out: another user of the host cannot ask over the socket', async () => {
    const mode = await world.host.output(['stat', '--format', '%a %U', '/run/embassy.sock']);
    assert.equal(mode.trim(), '600 root');
    const asked = await world.host.runEmbassy(['status', '--admin-listen=off'], { privilege: 'none' });
    assert.equal(asked.exitCode, 1);
    assert.match(asked.output, /no embassy answers at \/run\/embassy\.sock/u);
  });

  async function ask(consumer: Consumer, address: string, port: number): Promise<readonly Request[]> {
    return requestsOf(world.host, consumer, { address, port, count: 3 });
  }
});
