import assert from 'node:assert/strict';
import { MemoryLog } from '../../../sim/log.ts';
import { SimClock } from '../../../sim/clock.ts';
import { iptablesClient } from '../../../src/adapters/iptables/client.ts';
import { DockerUserPassage } from '../../../src/adapters/iptables/docker-user-passage.ts';
import { binding } from '../../support/bindings.ts';
import { DOCKER_RULES, NO_DOCKER } from '../../support/docker-bridges.ts';
import { KernelLab } from '../../support/kernel-lab.ts';
import { settle } from '../../support/settle.ts';
import { labProxier, routesOf } from './lab-proxier.ts';
import { told, VIRTUAL_IP, VIRTUAL_IP6 } from './rules-bench.ts';
import type { NftablesProxier } from '../../../src/adapters/nftables/nftables-proxier.ts';
import type { Route } from '../../../src/domain/route.ts';
import type { Agent } from '../../support/kernel-lab.ts';

/** Namespaces, processes and rules take their time on a busy machine. */
const TIMEOUT_MS = 60_000;

const MARK = 0x400_0000;
const LOOKS_MAX = 200;

/** Counts packets with our bits before iptables sees them, and behind our table. */
const WATCHER = `
add table inet watcher
add chain inet watcher before { type filter hook forward priority -1; }
add chain inet watcher behind { type filter hook forward priority 20; }
add rule inet watcher before meta mark & 0x04000000 != 0 counter
add rule inet watcher behind meta mark & 0x04000000 != 0 counter
`;

for (const docker of DOCKER_RULES) {
  describe(`NftablesProxier on the kernel, between bridges that ${docker.name} keeps apart,`, function () {
    this.timeout(TIMEOUT_MS);
    let lab: KernelLab;
    let consumer: Agent;
    let far: Agent;
    let clock: SimClock;
    let log: MemoryLog;
    let proxier: NftablesProxier;
    let routes: ReadonlyMap<string, Route> = new Map();

    before(async function () {
      const opened = await KernelLab.open();
      if ('skip' in opened) {
        if (this.test?.parent !== undefined) this.test.parent.title += ` (skipped: ${opened.skip})`;
        return this.skip();
      }
      lab = opened;
      consumer = await lab.consumer(2);
      far = await lab.container(5);
      for (const at of ['172.31.0.5', 'fd32::5']) await far.serve('far', at, 80);
      await lab.serveEndpoints(1);
    });
    after(async () => {
      await (lab as KernelLab | undefined)?.[Symbol.asyncDispose]();
    });
    beforeEach(async () => {
      [clock, log] = [new SimClock(settle), new MemoryLog()];
      await lab.restore(4, docker.four);
      await lab.restore(6, docker.six);
      proxier = make();
    });
    afterEach(async () => {
      await proxier[Symbol.asyncDispose]();
      assert.doesNotMatch(await rules(), /embassy/);
      assert.doesNotMatch(await lab.run('nft', 'list', 'tables'), /embassy/);
      for (const family of [4, 6] as const) await lab.restore(family, NO_DOCKER);
    });

    function make(keepsRules = false): NftablesProxier {
      const passage = new DockerUserPassage(iptablesClient({ prefix: lab.prefix }), { mark: MARK });
      return labProxier(lab, { clock, log, passage, keepsRules });
    }

    /** Binds ports of consumers to what is at some place, told or not. */
    async function sync(...bound: readonly (readonly [string, string, string?])[]): Promise<void> {
      const table = routesOf(
        bound.map(([source, text, to]) => [
          binding(source, text),
          told(text, to === undefined ? undefined : [to]),
        ]),
      );
      routes = table.routes;
      await proxier.sync(table);
    }

    /** The rules of iptables of both families. */
    async function rules(): Promise<string> {
      return (await lab.run('iptables-save')) + (await lab.run('ip6tables-save'));
    }

    /** Lets time pass until something is so. */
    async function passes(isSo: () => Promise<boolean>): Promise<void> {
      // Commands take real time, and each look waits for one.
      for (let looks = 0; !(await isSo()); looks += 1) {
        await lab.run('true');
        assert(looks < LOOKS_MAX, 'it never came');
        clock.advance(3_000).catch(() => undefined);
        await settle();
      }
    }

    const ACROSS = ['172.30.0.2', '/a;80', '172.31.0.5:80'] as const;

    it('carries TCP, UDP and IPv6 to the other bridge, which sees its own gateway', async () => {
      await sync(
        ACROSS,
        ['172.30.0.2', '/u;53/udp', '172.31.0.5:80'],
        ['fd30::2', '/six;80', '[fd32::5]:80'],
        ['172.30.0.2', '/e;81', '10.30.0.1:80'],
      );
      assert.deepEqual(await consumer.ask(VIRTUAL_IP, 80, 2), ['far 172.31.0.1', 'far 172.31.0.1']);
      assert.deepEqual(await consumer.askUdp(VIRTUAL_IP, 53), ['far 172.31.0.1']);
      assert.deepEqual(await consumer.ask(VIRTUAL_IP6, 80), ['far fd32::1']);
      assert.match((await consumer.ask(VIRTUAL_IP, 81))[0] ?? '', /^e1 /, 'and to other hosts as before');
      assert.equal((await rules()).match(/-A DOCKER-USER .*"carried by embassy" -j ACCEPT/g)?.length, 2);
      assert.deepEqual(log.messages('warn'), []);
    });

    it('carries a consumer of a user-defined network to other hosts, and to the default bridge', async () => {
      await consumer.serve('back', '172.30.0.2', 8081);
      await sync(['172.31.0.5', '/e;80', '10.30.0.1:80'], ['172.31.0.5', '/b;81', '172.30.0.2:8081']);
      assert.match((await far.ask(VIRTUAL_IP, 80))[0] ?? '', /^e1 /);
      assert.deepEqual(await far.ask(VIRTUAL_IP, 81), ['back 172.30.0.1']);
    });

    it('lets nothing else through: no dial of its own, nor a port that Docker publishes', async () => {
      await sync(ACROSS);
      const [direct, published] = [consumer.ask('172.31.0.5', 80), consumer.ask(VIRTUAL_IP, 8080)];
      assert.deepEqual([await direct, await published], [['timeout'], ['timeout']]);
    });

    it('puts the mark of packets back', async () => {
      await lab.nft(WATCHER);
      const before = async (): Promise<readonly string[]> =>
        (await lab.run('nft', 'list', 'table', 'inet', 'watcher')).match(/packets \d+/g) ?? [];
      await sync(ACROSS);
      await consumer.ask(VIRTUAL_IP, 80);
      const [marked, left] = await before();
      await lab.run('nft', 'delete', 'table', 'inet', 'watcher');
      assert.notEqual(marked, 'packets 0');
      assert.equal(left, 'packets 0');
    });

    it('lets connections to an endpoint that is gone go on for their time', async () => {
      await sync(ACROSS);
      await consumer.hold('long', VIRTUAL_IP, 80);
      await sync(['172.30.0.2', '/a;80', '10.30.0.1:80']);
      assert.equal(await consumer.touch('long'), 'alive');
      assert.match((await consumer.ask(VIRTUAL_IP, 80))[0] ?? '', /^e1 /);
      await sync();
      assert.doesNotMatch(await rules(), /embassy/, 'and nothing is let through for nobody');
    });

    it('[P27] puts its rule back when somebody flushed the chain', async () => {
      await sync(ACROSS);
      await lab.run('iptables', '-F', 'DOCKER-USER');
      await passes(async () => (await rules()).includes('embassy'));
      assert.deepEqual(await consumer.ask(VIRTUAL_IP, 80), ['far 172.31.0.1']);
    });

    it('leaves to userspace what nothing lets through, and says why, until something does', async () => {
      await lab.run('iptables', '-D', 'FORWARD', '-j', 'DOCKER-USER');
      await sync(ACROSS);
      const [route] = [...routes.values()];
      assert(route !== undefined);
      const why = /^endpoint 172\.31\.0\.5:80 is behind another bridge \(br-other\), and .*DOCKER-USER/;
      assert.match(proxier.reasonAgainst(route) ?? '', why);
      assert.match(log.messages('info').join(), /by IPv4 is carried in userspace: .*DOCKER-USER/);
      assert.deepEqual(await consumer.ask(VIRTUAL_IP, 80), ['ECONNREFUSED'], 'it arrives at this host');
      await lab.run('iptables', '-I', 'FORWARD', '-j', 'DOCKER-USER');
      await passes(() => Promise.resolve(proxier.carries(route.binding.id)));
      assert.equal(proxier.reasonAgainst(route), undefined);
      assert.deepEqual(await consumer.ask(VIRTUAL_IP, 80), ['far 172.31.0.1']);
      await lab.run('iptables', '-D', 'FORWARD', '-j', 'DOCKER-USER');
      await passes(() => Promise.resolve(!proxier.carries(route.binding.id)));
    });

    it('[P28] goes on while nobody is there, and where an earlier run left it', async () => {
      const earlier = proxier;
      proxier = make(true);
      await sync(ACROSS);
      await consumer.hold('throughout', VIRTUAL_IP, 80);
      await proxier[Symbol.asyncDispose]();
      assert.deepEqual(await consumer.ask(VIRTUAL_IP, 80), ['far 172.31.0.1']);
      proxier = earlier;
      await sync(['172.30.0.2', '/a;80']);
      assert.deepEqual(await consumer.ask(VIRTUAL_IP, 80), ['far 172.31.0.1']);
      assert.equal(await consumer.touch('throughout'), 'alive');
    });
  });
}
