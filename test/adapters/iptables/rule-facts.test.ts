import assert from 'node:assert/strict';
import { SimIptables } from '../../../sim/iptables/sim-iptables.ts';
import { DockerUserPassage } from '../../../src/adapters/iptables/docker-user-passage.ts';
import { IptablesRedirector } from '../../../src/adapters/iptables/iptables-redirector.ts';
import { readRuleFacts } from '../../../src/adapters/iptables/rule-facts.ts';
import { RedirectorError } from '../../../src/ports/redirector.ts';
import { MemoryLog } from '../../../sim/log.ts';
import { at } from '../../support/addresses.ts';
import { captureOf } from '../../support/capture-of.ts';
import type { IptablesKind } from '../../../src/adapters/iptables/iptables-client.ts';

const { signal } = new AbortController();

const LEGACY = { program: 'iptables-legacy', family: 4 } as const;

/** A host with our rules, written by the redirector itself. */
async function captured(client: SimIptables): Promise<SimIptables> {
  await new IptablesRedirector({ client, log: new MemoryLog() }).ensure(captureOf(['docker0']), { signal });
  return client;
}

describe('readRuleFacts', () => {
  it('finds nothing of ours on a host that never saw us', async () => {
    const client = new SimIptables({ installed: ['nft'] });
    client.startForeign('docker');
    const facts = await readRuleFacts(client, { signal });
    assert.deepEqual(facts, {
      variants: ['nft'],
      mixed: undefined,
      incompatible: [],
      firewalls: [],
      isInputClosed: false,
      isForwardClosed: false,
      guardsContainers: false,
      isInputOpened: false,
      jumps: [],
      passages: [],
    });
  });

  it('tells whether what is forwarded is dropped, unless Docker accepts it', async () => {
    const client = new SimIptables({ installed: ['nft'] });
    client.tables[4].restore('*filter\n:FORWARD DROP [0:0]\nCOMMIT\n');
    assert.equal((await readRuleFacts(client, { signal })).isForwardClosed, true);
    client.startForeign('docker');
    assert.equal((await readRuleFacts(client, { signal })).isForwardClosed, false);
  });

  it("tells whether answers to containers' own addresses are dropped", async () => {
    for (const [family, rule, guards] of [
      [4, '-A PREROUTING -d 172.17.0.2/32 ! -i docker0 -j DROP', true],
      [6, '-A PREROUTING -d fd00::2/128 ! -i docker0 -j DROP', true],
      [4, '-A PREROUTING -d 172.17.0.2/32 -i eth0 -j ACCEPT', false],
    ] as const) {
      const client = new SimIptables({ installed: ['nft'] });
      const save = client.save.bind(client);
      client.save = async (place, options) => {
        const raw = `*raw\n:PREROUTING ACCEPT [0:0]\n${rule}\nCOMMIT\n`;
        return `${await save(place, options)}${place.family === family ? raw : ''}`;
      };
      assert.equal((await readRuleFacts(client, { signal })).guardsContainers, guards, rule);
    }
  });

  it('finds where a rule of ours lets through what goes from bridge to bridge', async () => {
    const client = new SimIptables();
    client.startForeign('docker');
    const passage = new DockerUserPassage(client, { mark: 4 });
    await passage.ensure([at('172.17.0.1:1').address], { signal });
    assert.deepEqual((await readRuleFacts(client, { signal })).passages, ['iptables, DOCKER-USER']);
  });

  it('finds each jump of ours once, before the rules of others', async () => {
    const client = new SimIptables();
    client.startForeign('docker');
    const { jumps } = await readRuleFacts(await captured(client), { signal });
    const places = jumps.map(({ where, to }) => `${where} → ${to}`);
    assert(places.includes('iptables, table nat, PREROUTING → EMBASSY'), places.join('\n'));
    assert(jumps.every(({ count, rules }) => count === 1 && rules > 0));
    assert(jumps.every(({ behind, mustBeFirst }) => !mustBeFirst || behind === 0));
  });

  it('[P28] counts a jump that a crash doubled', async () => {
    const client = await captured(new SimIptables());
    const text = await client.save({ program: 'iptables', family: 4 }, { signal });
    const jump = /^-A PREROUTING .*-j EMBASSY$/m.exec(text)?.[0] ?? '';
    await client.restore({ program: 'iptables', family: 4 }, `*nat\n${jump}\nCOMMIT\n`, { signal });
    const { jumps } = await readRuleFacts(client, { signal });
    assert.equal(jumps.find(({ to }) => to === 'EMBASSY')?.count, 2);
  });

  it('tells how many rules of others stand before ours', async () => {
    const client = await captured(new SimIptables());
    const rules = '*nat\n-I PREROUTING 1 -p udp -j ACCEPT\n-I PREROUTING 1 -p udp -j ACCEPT\nCOMMIT\n';
    await client.restore({ program: 'iptables', family: 4 }, rules, { signal });
    const { jumps } = await readRuleFacts(client, { signal });
    const jump = jumps.find(({ to }) => to === 'EMBASSY');
    assert.deepEqual([jump?.behind, jump?.mustBeFirst], [2, true]);
  });

  for (const [firewall, name] of [
    ['ufw', 'ufw'],
    ['old firewalld', 'firewalld'],
  ] as const) {
    it(`[P32] names ${name}, and tells whether we opened it`, async () => {
      const client = new SimIptables();
      client.startForeign(firewall);
      const before = await readRuleFacts(client, { signal });
      assert.deepEqual(before.firewalls, [name]);
      assert.deepEqual([before.isInputClosed, before.isInputOpened], [true, false]);
      const after = await readRuleFacts(await captured(client), { signal });
      assert.deepEqual([after.isInputClosed, after.isInputOpened], [true, true]);
    });
  }

  it('[P29] says that both variants hold rules of others', async () => {
    const client = new SimIptables();
    client.startForeign('docker');
    await client.restore(LEGACY, '*filter\n-A INPUT -p tcp -j DROP\nCOMMIT\n', { signal });
    const { mixed, variants } = await readRuleFacts(client, { signal });
    assert.deepEqual(variants, ['nft', 'legacy']);
    assert.match(mixed ?? '', /both variants of iptables/);
  });

  for (const kind of ['nft', 'legacy'] as const satisfies readonly IptablesKind[]) {
    it(`reads a host that has ${kind} alone, and one without IPv6`, async () => {
      const client = new SimIptables({ installed: [kind], standard: kind });
      client.break(6, 'no command');
      assert.deepEqual((await readRuleFacts(client, { signal })).variants, [kind]);
    });
  }

  it('throws what to do where the rules may not be read', async () => {
    const client = new SimIptables();
    client.break(4, 'no privilege');
    const error = await readRuleFacts(client, { signal }).catch((reason: unknown) => reason);
    assert(error instanceof RedirectorError);
    assert.match(error.inWords, /CAP_NET_ADMIN/);
  });
});
