import assert from 'node:assert/strict';
import { NftablesError } from '../../../src/adapters/nftables/nftables-client.ts';
import { binding } from '../../support/bindings.ts';
import { NftHost } from '../../support/nft-host.ts';
import { RulesBench, told } from './rules-bench.ts';
import type { PacketRow } from '../../support/nft-host.ts';

const CONSUMER = '172.30.0.2';
const OTHER = '172.30.0.3';
const PORT_80 = '172.30.0.1:80';
const E1 = '10.30.0.1:80';
const E2 = '10.30.0.2:80';

/** An endpoint on the other network need not know the way back to a consumer. */
const HIDDEN_BY = '10.30.0.254';
const led = (endpoint: string): string => `by net0 to ${endpoint} as ${HIDDEN_BY}`;

/** What `--dnat` does with what the kernel does not carry: it arrives at a port of the host's own. */
const CAPTURE = `
add table ip nat
add chain ip nat PREROUTING { type nat hook prerouting priority dstnat; }
add rule ip nat PREROUTING ip daddr 172.30.0.1 meta l4proto tcp dnat to 172.30.0.1:9999
`;

/** What Docker does with what leaves its bridges for other networks. */
const MASQUERADE = `
add table inet docker
add chain inet docker POSTROUTING { type nat hook postrouting priority srcnat; }
add rule inet docker POSTROUTING oifname "net0" masquerade
`;

/** Two services, an overlay, a neighbour, UDP and IPv6. */
async function bound(): Promise<RulesBench> {
  const bench = new RulesBench();
  await bench.sync(
    [binding(CONSUMER, '/a;80'), told('/a;80', [E1])],
    [binding(OTHER, '/b;80', 'c2'), told('/b;80', [E2])],
    [binding(CONSUMER, '/near;81'), told('/near;81', ['172.30.0.9:8080'])],
    [binding(CONSUMER, '/dns;53/udp'), told('/dns;53/udp', ['10.30.0.3:5353'])],
    [binding('fd30::2', '/six;80'), told('/six;80', ['[fd31::1]:8080'])],
    [binding('fd30::2', '/near6;81'), told('/near6;81', ['[fd30::9]:8080'])],
  );
  return bench;
}

/** Bindings that keep their source beside one that does not, and Docker's masquerade. */
async function keeping(): Promise<RulesBench> {
  const bench = new RulesBench();
  bench.nft.somebody(MASQUERADE);
  await bench.sync(
    [binding(CONSUMER, '/a;80'), told('/a;80', [E1])],
    [binding(CONSUMER, '/b;82;source=keep'), told('/b;82', [E2])],
    [binding(CONSUMER, '/near;83;source=keep'), told('/near;83', ['172.30.0.9:8080'])],
    [binding(CONSUMER, '/dns;54/udp;source=keep'), told('/dns;54/udp', ['10.30.0.3:5353'])],
    [binding('fd30::2', '/six;82;source=keep'), told('/six;82', ['[fd31::1]:8080'])],
  );
  return bench;
}

/** Where packets of a service go, one connection each. */
function turn(host: NftHost, to: string, count: number): readonly string[] {
  return Array.from({ length: count }, () =>
    host.send({ source: CONSUMER, to }).replace(/by net0 to (\S+).*/, '$1'),
  );
}

/** Whether each endpoint was picked equally often: services that alternate each see all of theirs. */
function areEqual(picked: readonly string[], endpoints: number): boolean {
  const counts = new Map<string, number>();
  for (const each of picked) counts.set(each, (counts.get(each) ?? 0) + 1);
  return counts.size === endpoints && new Set(counts.values()).size === 1;
}

/** What Docker writes for a published port. */
const PUBLISHED = `
add table ip docker
add chain ip docker pre { type nat hook prerouting priority dstnat; }
add rule ip docker pre ip daddr 172.30.0.1 tcp dport 8080 dnat to 172.30.0.9:80
`;

/** The packets that a set has counted for each endpoint. */
async function counts(bench: RulesBench, set: string): Promise<Record<string, number>> {
  const words = ['set', 'inet', 'embassy', set];
  const listed = JSON.stringify(await bench.nft.list(words, { signal: new AbortController().signal }));
  const elements = listed.matchAll(/"concat":\["([^"]+)",(\d+)\]\}[^}]*"counter":\{"packets":(\d+)/g);
  return Object.fromEntries([...elements].map(([, at, port, packets]) => [`${at}:${port}`, Number(packets)]));
}

describe('the rules of NftablesProxier', () => {
  const rows: readonly (PacketRow & { readonly name: string; readonly becomes: string })[] = [
    {
      name: '[C5] lead a bound port to its endpoint',
      source: CONSUMER,
      to: PORT_80,
      becomes: led(E1),
    },
    {
      name: '[C5] lead the same port of another consumer to its own service',
      source: OTHER,
      to: PORT_80,
      becomes: led(E2),
    },
    {
      name: 'leave a port that its consumer did not bind',
      source: OTHER,
      to: '172.30.0.1:81',
      becomes: 'here at 172.30.0.1:81',
    },
    {
      name: 'leave a consumer that bound nothing',
      source: '172.30.0.4',
      to: PORT_80,
      becomes: `here at ${PORT_80}`,
    },
    { name: 'leave what a consumer dials itself', source: CONSUMER, to: E2, becomes: `by net0 to ${E2}` },
    {
      name: 'leave what comes by another interface with the address of a consumer',
      source: CONSUMER,
      to: PORT_80,
      from: 'net0',
      becomes: `here at ${PORT_80}`,
    },
    {
      name: 'leave what the host sends',
      source: CONSUMER,
      to: PORT_80,
      from: 'process',
      becomes: `here at ${PORT_80}`,
    },
    {
      name: 'leave the middle of a connection that nobody knows',
      source: CONSUMER,
      to: PORT_80,
      flags: ['ack', 'psh'],
      becomes: `here at ${PORT_80}`,
    },
    {
      name: 'leave the end of a connection that nobody knows',
      source: CONSUMER,
      to: PORT_80,
      flags: ['rst'],
      becomes: `here at ${PORT_80}`,
    },
    {
      name: '[P32] hide the consumer from a neighbour on its bridge, which would answer it directly',
      source: CONSUMER,
      to: '172.30.0.1:81',
      becomes: 'by docker0 to 172.30.0.9:8080 as 172.30.0.1',
    },
    {
      name: '[P32] hide the consumer from such a neighbour of IPv6',
      source: 'fd30::2',
      to: '[fd30::1]:81',
      becomes: 'by docker0 to [fd30::9]:8080 as fd30::1',
    },
    {
      name: 'hide no neighbour that is dialled by its own address',
      source: CONSUMER,
      to: '172.30.0.9:80',
      becomes: 'by docker0 to 172.30.0.9:80',
    },
    {
      name: 'carry UDP',
      source: CONSUMER,
      to: '172.30.0.1:53',
      protocol: 'udp',
      becomes: led('10.30.0.3:5353'),
    },
    {
      name: 'take TCP for no binding of UDP',
      source: CONSUMER,
      to: '172.30.0.1:53',
      becomes: 'here at 172.30.0.1:53',
    },
    {
      name: 'take UDP for no binding of TCP',
      source: CONSUMER,
      to: PORT_80,
      protocol: 'udp',
      becomes: `here at ${PORT_80}`,
    },
    {
      name: 'carry IPv6',
      source: 'fd30::2',
      to: '[fd30::1]:80',
      becomes: 'by net0 to [fd31::1]:8080 as fd31::fe',
    },
  ];
  for (const { name, becomes, ...packet } of rows) {
    it(name, async () => {
      assert.equal((await bound()).send(packet), becomes);
    });
  }

  const kept: readonly (PacketRow & { readonly name: string; readonly becomes: string })[] = [
    { name: 'of TCP', source: CONSUMER, to: '172.30.0.1:82', becomes: `by net0 to ${E2}` },
    {
      name: 'of UDP',
      source: CONSUMER,
      to: '172.30.0.1:54',
      protocol: 'udp',
      becomes: 'by net0 to 10.30.0.3:5353',
    },
    { name: 'of IPv6', source: 'fd30::2', to: '[fd30::1]:82', becomes: 'by net0 to [fd31::1]:8080' },
    {
      name: 'but not towards a neighbour, which would answer it directly',
      source: CONSUMER,
      to: '172.30.0.1:83',
      becomes: 'by docker0 to 172.30.0.9:8080 as 172.30.0.1',
    },
    { name: 'but not of a binding that did not ask', source: CONSUMER, to: PORT_80, becomes: led(E1) },
    { name: 'but not of what a consumer dials itself', source: CONSUMER, to: E2, becomes: led(E2) },
  ];
  for (const { name, becomes, ...packet } of kept) {
    it(`keep the source past Docker's masquerade where that is asked for, ${name}`, async () => {
      assert.equal((await keeping()).send(packet), becomes);
    });
  }

  it('come before those of --dnat, which get all that is not bound', async () => {
    const bench = await bound();
    bench.nft.somebody(CAPTURE);
    assert.equal(bench.send({ source: CONSUMER, to: PORT_80 }), led(E1));
    assert.equal(bench.send({ source: OTHER, to: '172.30.0.1:81' }), 'here at 172.30.0.1:9999');
  });

  it('translate answers back, also for who was hidden', async () => {
    const bench = await bound();
    bench.send({ source: `${CONSUMER}:7`, to: PORT_80 });
    bench.send({ source: `${CONSUMER}:8`, to: '172.30.0.1:81' });
    const flags = ['syn', 'ack'];
    const far = bench.trace({ source: E1, to: `${HIDDEN_BY}:7`, from: 'net0', flags });
    const near = bench.trace({ source: '172.30.0.9:8080', to: '172.30.0.1:8', flags });
    for (const [trace, port] of [
      [far, 80],
      [near, 81],
    ] as const) {
      assert(trace.verdict === 'forwarded');
      assert.deepEqual([trace.source.address, trace.source.port], ['172.30.0.1', port]);
      assert.equal(trace.to.address, CONSUMER);
    }
  });

  it('[C6] take each endpoint in exact turn, also where two services alternate', async () => {
    const bench = new RulesBench();
    await bench.sync(
      [binding(CONSUMER, '/a;80'), told('/a;80', ['10.30.0.1:1', '10.30.0.2:1'])],
      [binding(CONSUMER, '/b;81'), told('/b;81', ['10.30.0.3:1', '10.30.0.4:1'])],
    );
    const [one, two]: [string[], string[]] = [[], []];
    for (let round = 0; round < 6; round += 1) {
      one.push(...turn(bench, PORT_80, 1));
      two.push(...turn(bench, '172.30.0.1:81', 1));
    }
    assert(areEqual(one, 2) && areEqual(two, 2), `${one.join()} and ${two.join()}`);
  });

  it('[C6] would be found out where two services shared a turn', () => {
    const slots = [0, 1].map((n) => `${n} : 10.30.0.${n + 1} . 1`).join(', ');
    const host = new NftHost(
      'add table ip x\nadd chain ip x pre { type nat hook prerouting priority -110; }',
      `add rule ip x pre tcp dport { 80, 81 } dnat to numgen inc mod 2 map { ${slots} }`,
    );
    const one = Array.from({ length: 6 }, () => [turn(host, PORT_80, 1), turn(host, '172.30.0.1:81', 1)]);
    assert.equal(
      areEqual(
        one.map(([first]) => String(first)),
        2,
      ),
      false,
    );
  });

  it('[C6] share one turn among the consumers of a pool, and keep it while other pools change', async () => {
    const bench = new RulesBench();
    const shared = told('/a;80', [E1, E2]);
    const [one, two] = [binding(CONSUMER, '/a;80'), binding(OTHER, '/a;80', 'c2')];
    await bench.sync([one, shared], [two, shared]);
    assert.equal(bench.send({ source: CONSUMER, to: PORT_80 }), led(E1));
    await bench.sync([one, shared], [two, shared], [binding(CONSUMER, '/b;81'), told('/b;81', [E1])]);
    assert.equal(bench.send({ source: OTHER, to: PORT_80 }), led(E2));
  });

  it('pick at random among all, and by maglev the same endpoint for a consumer', async () => {
    const bench = new RulesBench();
    const all = [1, 2, 3].map((n) => `10.30.0.${n}:80`);
    const [random, maglev] = ['/a;80;balance=random', '/b;81;balance=maglev'];
    await bench.sync(
      [binding(CONSUMER, random), told(random, all)],
      [binding(CONSUMER, maglev), told(maglev, all)],
    );
    assert.deepEqual([...new Set(turn(bench, PORT_80, 40))].sort(), all);
    assert.equal(new Set(turn(bench, '172.30.0.1:81', 10)).size, 1);
  });

  it('[C10] leave a connection where it is while endpoints change, and lead new ones anew', async () => {
    const bench = new RulesBench();
    const bound80 = binding(CONSUMER, '/a;80');
    await bench.sync([bound80, told('/a;80', [E1])]);
    const packet = { source: `${CONSUMER}:7`, to: PORT_80 };
    bench.send(packet);
    await bench.sync([bound80, told('/a;80', [E2])]);
    assert.equal(bench.send({ ...packet, flags: ['ack'] }), led(E1));
    assert.equal(bench.send({ source: CONSUMER, to: PORT_80 }), led(E2));
    await bench.clock.advance(60_000);
    assert.equal(bench.send({ ...packet, flags: ['ack'] }), `here at ${PORT_80}`, 'its drain is over');
  });

  it("[P04] lead nothing of a binding that is gone or somebody else's, nor what was under way", async () => {
    const bench = new RulesBench();
    const packet = { source: `${CONSUMER}:7`, to: PORT_80 };
    await bench.sync([binding(CONSUMER, '/a;80'), told('/a;80', [E1])]);
    assert.equal(bench.send(packet), led(E1));
    await bench.sync([binding(CONSUMER, '/b;80', 'another'), told('/b;80', [E2])]);
    assert.equal(bench.send({ ...packet, flags: ['ack'] }), `here at ${PORT_80}`);
    assert.equal(bench.send({ ...packet, source: `${CONSUMER}:8` }), led(E2));
    await bench.sync();
    assert.equal(bench.send({ ...packet, source: `${CONSUMER}:8`, flags: ['ack'] }), `here at ${PORT_80}`);
    assert.equal(bench.send({ ...packet, source: `${CONSUMER}:9` }), `here at ${PORT_80}`);
  });

  it('count the connections that endpoints answered, and note who does not', async () => {
    const bench = await bound();
    await bench.proxier.totals();
    const dial = (port: number, isAnswered: boolean): void => {
      bench.send({ source: `${CONSUMER}:${port}`, to: PORT_80 });
      const answer = { source: E1, to: `${HIDDEN_BY}:${port}`, from: 'net0', flags: ['syn', 'ack'] };
      if (isAnswered) bench.send(answer);
    };
    for (const port of [1, 2, 3]) dial(port, true);
    dial(4, false);
    bench.send({ source: CONSUMER, to: '172.30.0.1:53', protocol: 'udp' });
    await bench.clock.advance(5_000);
    const { connections } = await bench.proxier.totals();
    assert.deepEqual(Object.fromEntries(connections), { '/a': 3, '/dns': 1 });
    for (const [set, packets] of [
      ['asked4', 4],
      ['answered4', 3],
    ] as const) {
      const words = ['set', 'inet', 'embassy', set];
      const listed = await bench.nft.list(words, { signal: new AbortController().signal });
      const counted = `"concat":\\["10\\.30\\.0\\.1",80\\].*"counter":\\{"packets":${packets},`;
      assert.match(JSON.stringify(listed), new RegExp(counted));
    }
  });

  it('[P28] go on where an earlier run left them until other endpoints are told', async () => {
    const bench = new RulesBench({ keepsRules: true });
    const bound80 = binding(CONSUMER, '/a;80');
    await bench.sync([bound80, told('/a;80', [E1, E2])], [binding(CONSUMER, '/b;81'), told('/b;81', [E1])]);
    const packet = { source: `${CONSUMER}:7`, to: PORT_80 };
    assert.equal(bench.send(packet), led(E1));
    await bench.proxier[Symbol.asyncDispose]();
    bench.proxier = bench.make({});
    await bench.sync([bound80, told('/a;80')]);
    assert.equal(bench.send({ source: CONSUMER, to: PORT_80 }), led(E2));
    assert.equal(bench.send({ source: CONSUMER, to: '172.30.0.1:81' }), 'here at 172.30.0.1:81');
    await bench.sync([bound80, told('/a;80', ['10.30.0.3:80'])]);
    assert.equal(bench.send({ source: CONSUMER, to: PORT_80 }), led('10.30.0.3:80'));
    assert.equal(bench.send({ ...packet, flags: ['ack'] }), led(E1));
  });

  it('are gone as a whole where the kernel refuses a change, and back with the next one', async () => {
    const bench = await bound();
    bench.nft.somebody(CAPTURE);
    bench.nft.refuseNext();
    const next = [binding(CONSUMER, '/a;80'), told('/a;80', [E2])] as const;
    await assert.rejects(bench.sync(next), NftablesError);
    assert.deepEqual([...bench.nft.ruleset.keys()], ['ip nat']);
    assert.equal(bench.send({ source: CONSUMER, to: PORT_80 }), 'here at 172.30.0.1:9999');
    await bench.sync(next);
    assert.equal(bench.send({ source: CONSUMER, to: PORT_80 }), led(E2));
  });

  for (const [what, script] of [
    ['flushed a chain', 'flush chain inet embassy prerouting'],
    ['flushed the table', 'flush table inet embassy'],
    ['added a rule', 'insert rule inet embassy prerouting tcp dport 80 return'],
  ] as const) {
    it(`[P27] are mended within three seconds after somebody ${what}`, async () => {
      const bench = await bound();
      bench.nft.somebody(script);
      assert.equal(bench.send({ source: CONSUMER, to: PORT_80 }), `here at ${PORT_80}`);
      await bench.clock.advance(3_000);
      assert.equal(bench.send({ source: CONSUMER, to: PORT_80 }), led(E1));
      assert.deepEqual(bench.log.messages('warn'), [
        'the table of embassy was changed by somebody; it is mended',
      ]);
      await bench.clock.advance(60_000);
      assert.equal(bench.log.messages('warn').length, 1, 'once');
    });
  }

  it('[P27] are back within three seconds after somebody removed them', async () => {
    const bench = await bound();
    bench.nft.wipe();
    assert.equal(bench.send({ source: CONSUMER, to: PORT_80 }), `here at ${PORT_80}`);
    await bench.clock.advance(3_000);
    assert.equal(bench.send({ source: CONSUMER, to: PORT_80 }), led(E1));
  });

  it('[P27] are written again after a wipe also where that is refused at first', async () => {
    const bench = await bound();
    bench.nft.wipe();
    bench.nft.refuseNext('Could not process rule: Resource temporarily unavailable');
    await bench.clock.advance(3_000);
    const route = binding(CONSUMER, '/a;80').id;
    assert.equal(bench.proxier.carries(route), false, 'userspace has it meanwhile');
    await bench.clock.advance(3_000);
    assert.equal(bench.send({ source: CONSUMER, to: PORT_80 }), led(E1));
    assert.equal(bench.proxier.carries(route), true);
    const said = bench.log.messages('warn').filter((line) => line.includes('trying again'));
    assert.equal(said.length, 1);
  });

  it('[P23] drop a segment out of the window of a connection, and none of others', async () => {
    const bench = await bound();
    const mine = `${CONSUMER}:41000`;
    const hidden = `${HIDDEN_BY}:41000`;
    const late = { from: 'net0', to: mine, isOutOfWindow: true };
    assert.equal(bench.send({ ...late, source: E1 }), `by docker0 to ${mine}`, 'nobody was led there');
    bench.send({ source: mine, to: PORT_80 });
    bench.send({ source: E1, from: 'net0', to: hidden, flags: ['syn', 'ack'] });
    for (const to of [mine, hidden]) assert.equal(bench.send({ ...late, to, source: E1 }), 'dropped');
    assert.equal(bench.send({ ...late, source: E2 }), `by docker0 to ${mine}`);
    assert.equal(bench.send({ ...late, to: hidden, source: E2 }), `here at ${hidden}`);
  });

  it('leave what somebody else leads from the virtual IP, its source and its count', async () => {
    const bench = await bound();
    bench.nft.somebody(PUBLISHED);
    const outside = { source: '10.30.0.50:7', to: '172.30.0.1:8080', from: 'net0' };
    assert.equal(bench.send(outside), 'by docker0 to 172.30.0.9:80');
    assert.equal(bench.send({ source: OTHER, to: '172.30.0.1:8080' }), 'by docker0 to 172.30.0.9:80');
    assert.deepEqual(await counts(bench, 'asked4'), {});
  });

  it('count a connection once, however often its first packet is sent', async () => {
    const bench = await bound();
    for (let tries = 0; tries < 6; tries += 1) bench.send({ source: `${CONSUMER}:7`, to: PORT_80 });
    assert.deepEqual(await counts(bench, 'asked4'), { [E1]: 1 });
  });

  it('[C5] refuse datagrams to what has no endpoint, instead of a service of the host', async () => {
    const bench = new RulesBench();
    const dns = binding(CONSUMER, '/dns;53/udp');
    const datagram = { source: CONSUMER, to: '172.30.0.1:53', protocol: 'udp' } as const;
    const here = 'here at 172.30.0.1:53';
    await bench.sync([dns, told('/dns;53/udp', [])]);
    assert.equal(bench.send(datagram), 'rejected');
    assert.equal(bench.send({ ...datagram, source: OTHER }), here, 'it bound nothing');
    assert.equal(bench.send({ ...datagram, protocol: 'tcp' }), here);
    await bench.sync([dns, told('/dns;53/udp', ['10.30.0.3:5353'])]);
    assert.equal(bench.send(datagram), led('10.30.0.3:5353'));
    await bench.sync();
    assert.equal(bench.send(datagram), here);
  });

  it('[P27] are written anew after somebody emptied what tells ours from others', async () => {
    const bench = await bound();
    bench.nft.somebody('flush set inet embassy bound4');
    assert.equal(bench.send({ source: CONSUMER, to: PORT_80 }), `by net0 to ${E1}`);
    await bench.clock.advance(30_000);
    assert.equal(bench.send({ source: CONSUMER, to: PORT_80 }), led(E1));
  });

  it('[P27] are mended within half a minute after somebody changed a binding', async () => {
    const bench = await bound();
    const element = `${CONSUMER} . 172.30.0.1 . tcp . 80`;
    bench.nft.somebody(`delete element inet embassy bindings4 { ${element} }`);
    assert.equal(bench.send({ source: CONSUMER, to: PORT_80 }), `here at ${PORT_80}`);
    await bench.clock.advance(30_000);
    assert.equal(bench.send({ source: CONSUMER, to: PORT_80 }), led(E1));
  });

  it('stay as they are while nft is busy, and change once it is not', async () => {
    const bench = await bound();
    bench.nft.break('busy');
    const next = [binding(CONSUMER, '/a;80'), told('/a;80', [E2])] as const;
    await assert.rejects(
      bench.sync(next),
      (error) => error instanceof NftablesError && error.code === 'busy',
    );
    assert.equal(bench.send({ source: CONSUMER, to: PORT_80 }), led(E1));
    bench.nft.repair();
    await bench.sync(next);
    assert.equal(bench.send({ source: CONSUMER, to: PORT_80 }), led(E2));
  });

  it('are removed at a stop, unless they are to stay', async () => {
    for (const keepsRules of [false, true]) {
      const bench = new RulesBench({ keepsRules });
      await bench.sync([binding(CONSUMER, '/a;80'), told('/a;80', [E1])]);
      await bench.proxier[Symbol.asyncDispose]();
      assert.equal(bench.nft.ruleset.has('inet embassy'), keepsRules);
      assert.equal(bench.clock.pendingTimers, 0);
    }
  });
});
