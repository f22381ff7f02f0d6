import assert from 'node:assert/strict';
import { MemoryLog } from '../../../sim/log.ts';
import { SimClock } from '../../../sim/clock.ts';
import { binding } from '../../support/bindings.ts';
import { DOCKER_RULES, NO_DOCKER } from '../../support/docker-bridges.ts';
import { KernelLab } from '../../support/kernel-lab.ts';
import { settle } from '../../support/settle.ts';
import { labProxier, routesOf } from './lab-proxier.ts';
import { told, VIRTUAL_IP, VIRTUAL_IP6 } from './rules-bench.ts';
import type { NftablesProxier } from '../../../src/adapters/nftables/nftables-proxier.ts';
import type { Agent } from '../../support/kernel-lab.ts';

/** Namespaces, processes and rules take their time on a busy machine. */
const TIMEOUT_MS = 60_000;

const [A, B, U] = ['/a;80;source=keep', '/b;81', '/u;53/udp;source=keep'];

/** Docker masquerades IPv6, too, where it has addresses of it. */
const NAT6 = '*nat\n-A POSTROUTING -s fd30::/64 ! -o docker0 -j MASQUERADE\nCOMMIT\n';

/** What Docker 28 writes for an interface that it is told to trust, before what it drops. */
const TRUSTED = (to: string): string => `*raw\n-I PREROUTING -d ${to} -i net0 -j ACCEPT\nCOMMIT\n`;

describe('source=keep on the kernel', function () {
  this.timeout(TIMEOUT_MS);
  let lab: KernelLab;
  let consumer: Agent;
  let proxier: NftablesProxier;

  before(async function () {
    const opened = await KernelLab.open();
    if ('skip' in opened) {
      if (this.test?.parent !== undefined) this.test.parent.title += ` (skipped: ${opened.skip})`;
      return this.skip();
    }
    lab = opened;
    consumer = await lab.consumer(2);
    await (await lab.consumer(3)).serve('near', '172.30.0.3', 80);
    await lab.serveEndpoints(1);
    const log = new MemoryLog();
    proxier = labProxier(lab, { clock: new SimClock(settle), log });
    await proxier.sync(
      routesOf([
        [binding('172.30.0.2', A), told(A, ['10.30.0.1:80'])],
        [binding('172.30.0.2', B), told(B, ['10.30.0.1:80'])],
        [binding('172.30.0.2', U), told(U, ['10.30.0.1:80'])],
        [binding('172.30.0.2', '/n;82;source=keep'), told('/n;82', ['172.30.0.3:80'])],
        [binding('fd30::2', A), told(A, ['[fd31::1]:80'])],
        [binding('fd30::2', B), told(B, ['[fd31::1]:80'])],
      ]),
    );
  });
  after(async () => {
    await (proxier as NftablesProxier | undefined)?.[Symbol.asyncDispose]();
    await (lab as KernelLab | undefined)?.[Symbol.asyncDispose]();
  });

  /** Routes of the endpoint's host. */
  async function route(...words: readonly string[]): Promise<void> {
    const there = lab.host.replace(/host$/, 'e1');
    await lab.run('ip', 'netns', 'exec', there, 'ip', ...words);
  }

  it("lets endpoints that have a route back see the consumer's own address, and answer it", async () => {
    await lab.restore(4, DOCKER_RULES[0]?.four ?? '');
    await lab.restore(6, NAT6);
    await route('route', 'del', 'default');
    await route('-6', 'route', 'del', 'default');
    assert.deepEqual(await consumer.ask(VIRTUAL_IP, 80), ['timeout'], 'no route back');
    await route('route', 'add', '172.30.0.0/24', 'via', '10.30.0.254');
    await route('-6', 'route', 'add', 'fd30::/64', 'via', 'fd31::fe');
    assert.deepEqual(await consumer.ask(VIRTUAL_IP, 80), ['e1 172.30.0.2']);
    assert.deepEqual(await consumer.askUdp(VIRTUAL_IP, 53), ['e1 172.30.0.2']);
    assert.deepEqual(await consumer.ask(VIRTUAL_IP6, 80), ['e1 fd30::2']);
    assert.deepEqual(await consumer.ask(VIRTUAL_IP, 81), ['e1 10.30.0.254'], 'which did not ask for it');
    assert.deepEqual(await consumer.ask(VIRTUAL_IP6, 81), ['e1 fd31::fe']);
    assert.deepEqual(await consumer.ask(VIRTUAL_IP, 82), ['near 172.30.0.1'], 'a neighbour');
  });

  it('gets no answer past what Docker 28 drops, unless Docker trusts the interface', async () => {
    const [, docker] = DOCKER_RULES;
    for (const [family, rules, to, at] of [
      [4, docker?.four ?? '', '172.30.0.2', VIRTUAL_IP],
      [6, (docker?.six ?? '') + NAT6, 'fd30::2', VIRTUAL_IP6],
    ] as const) {
      await lab.restore(family, NO_DOCKER);
      await lab.restore(family, rules);
      assert.deepEqual(await consumer.ask(at, 80), ['timeout']);
      await lab.restore(family, TRUSTED(to));
      assert.deepEqual(await consumer.ask(at, 80), [`e1 ${to}`]);
    }
  });
});
