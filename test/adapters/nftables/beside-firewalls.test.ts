import assert from 'node:assert/strict';
import { MemoryLog } from '../../../sim/log.ts';
import { SimClock } from '../../../sim/clock.ts';
import { iptablesClient } from '../../../src/adapters/iptables/client.ts';
import { DockerUserPassage } from '../../../src/adapters/iptables/docker-user-passage.ts';
import { IptablesRedirector } from '../../../src/adapters/iptables/iptables-redirector.ts';
import { binding } from '../../support/bindings.ts';
import { captureOf } from '../../support/capture-of.ts';
import { DOCKER_RULES } from '../../support/docker-bridges.ts';
import { FIREWALLS } from '../../support/firewalls.ts';
import { KernelLab } from '../../support/kernel-lab.ts';
import { settle } from '../../support/settle.ts';
import { FOREIGN_RULES } from '../iptables/foreign-rules.ts';
import { labProxier, routesOf } from './lab-proxier.ts';
import { told, VIRTUAL_IP } from './rules-bench.ts';
import type { NftablesProxier } from '../../../src/adapters/nftables/nftables-proxier.ts';
import type { RoutingTable } from '../../../src/domain/routing-table.ts';
import type { Agent } from '../../support/kernel-lab.ts';

/** Namespaces, processes and rules take their time on a busy machine. */
const TIMEOUT_MS = 60_000;

const LOOKS_MAX = 200;
const CONSUMER = '172.30.0.2';

/** What each port of the consumer leads to, and who answers there. */
const WAYS = [
  { port: 80, to: '10.30.0.1:80', answers: /^e1 / },
  { port: 81, to: '172.30.0.3:80', answers: /^near / },
  { port: 82, to: '172.31.0.5:80', answers: /^far / },
] as const;

for (const firewall of FIREWALLS) {
  describe(`NftablesProxier on the kernel, beside Docker and ${firewall.name},`, function () {
    this.timeout(TIMEOUT_MS);
    let lab: KernelLab;
    let consumer: Agent;
    let clock: SimClock;
    let log: MemoryLog;
    let proxier: NftablesProxier;
    let routes: RoutingTable['routes'];

    beforeEach(async function () {
      const opened = await KernelLab.open();
      if ('skip' in opened) {
        if (this.currentTest !== undefined) this.currentTest.title += ` (skipped: ${opened.skip})`;
        return this.skip();
      }
      lab = opened;
      consumer = await lab.consumer(2);
      await (await lab.consumer(3)).serve('near', '172.30.0.3', 80);
      await (await lab.container(5)).serve('far', '172.31.0.5', 80);
      await lab.serveEndpoints(1);
      [clock, log] = [new SimClock(settle), new MemoryLog()];
      const passage = new DockerUserPassage(iptablesClient({ prefix: lab.prefix }), { mark: 0x400_0000 });
      proxier = labProxier(lab, { clock, log, passage });
    });
    afterEach(async () => {
      await (proxier as NftablesProxier | undefined)?.[Symbol.asyncDispose]();
      await (lab as KernelLab | undefined)?.[Symbol.asyncDispose]();
    });

    async function docker(): Promise<void> {
      await lab.restore(4, DOCKER_RULES[0]?.four ?? '');
    }

    async function sync(): Promise<void> {
      const table = routesOf(
        WAYS.map(({ port, to }) => [binding(CONSUMER, `/s${port};${port}`), told(`/s${port};${port}`, [to])]),
      );
      routes = table.routes;
      await proxier.sync(table);
    }

    /** Asks on every way. */
    async function allAnswer(): Promise<void> {
      for (const { port, answers } of WAYS) {
        assert.match((await consumer.ask(VIRTUAL_IP, port))[0] ?? '', answers, `port ${port}`);
      }
    }

    /** Lets time pass until something is so. */
    async function passes(isSo: () => Promise<boolean>): Promise<void> {
      for (let looks = 0; !(await isSo()); looks += 1) {
        assert(looks < LOOKS_MAX, 'it never came');
        clock.advance(3_000).catch(() => undefined);
        await lab.run('true');
        await settle();
      }
    }

    it('carries on all ways, and leaves what others wrote', async () => {
      await docker();
      await firewall.start(lab);
      await lab.restore(4, FOREIGN_RULES);
      const before = await lab.foreignRules();
      await sync();
      await allAnswer();
      assert.deepEqual(log.messages('warn'), []);
      await proxier[Symbol.asyncDispose]();
      assert.equal(await lab.foreignRules(), before);
    });

    it('[C4] lets what the kernel does not carry arrive in userspace', async () => {
      await docker();
      await firewall.start(lab);
      await sync();
      await lab.own().serve('userspace', VIRTUAL_IP, 9_999);
      assert.deepEqual(await consumer.ask(VIRTUAL_IP, 9_999), [firewall.deniesInput], 'the listener itself');
      const redirector = new IptablesRedirector({ client: iptablesClient({ prefix: lab.prefix }), log });
      const { signal } = new AbortController();
      await redirector.ensure(captureOf(['br-other', 'docker0'], [VIRTUAL_IP]), { signal });
      assert.deepEqual(await consumer.ask(VIRTUAL_IP, 99), ['userspace 172.30.0.2']);
      await allAnswer();
      await redirector.cleanup({ signal });
    });

    it('[P27] goes on while it reads its rules anew, and after somebody flushes all', async () => {
      await docker();
      await firewall.start(lab);
      await sync();
      await consumer.hold('throughout', VIRTUAL_IP, 80);
      const chains = await lab.run('nft', '-a', 'list', 'map', 'inet', 'embassy', 'bindings4');
      await firewall.reload(lab);
      assert.equal(await lab.run('nft', '-a', 'list', 'map', 'inet', 'embassy', 'bindings4'), chains);
      assert.equal(await consumer.touch('throughout'), 'alive');
      assert.match((await consumer.ask(VIRTUAL_IP, 80))[0] ?? '', /^e1 /);
      await lab.run('nft', 'flush', 'ruleset');
      await docker();
      await firewall.start(lab);
      await passes(async () => (await lab.run('nft', 'list', 'tables')).includes('embassy'));
      await passes(async () => (await lab.run('iptables-save')).includes('carried by embassy'));
      assert.equal(await consumer.touch('throughout'), 'alive');
      await allAnswer();
    });

    it('arrives where Docker writes no rules, once what is routed is let in as the docs say', async () => {
      await firewall.start(lab);
      await sync();
      const reason = [...routes.values()].map((route) => proxier.reasonAgainst(route)).join();
      assert.match(reason, /^,,endpoint 172\.31\.0\.5:80 is behind another bridge .*DOCKER-USER/);
      if (firewall.opens !== undefined) {
        assert.deepEqual(await consumer.ask(VIRTUAL_IP, 80), ['timeout'], 'it denies what is routed');
        await lab.restore(4, firewall.opens);
      }
      for (const { port, answers } of WAYS.slice(0, 2)) {
        assert.match((await consumer.ask(VIRTUAL_IP, port))[0] ?? '', answers);
      }
    });
  });
}
