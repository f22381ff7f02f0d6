import assert from 'node:assert/strict';
import { RoutingTable } from '../../../src/domain/routing-table.ts';
import { binding } from '../../support/bindings.ts';
import { APART, ScriptedPassage } from './bridges-apart.ts';
import { routesOf } from './lab-proxier.ts';
import { RulesBench, told, VIRTUAL_IP } from './rules-bench.ts';
import type { Binding } from '../../../src/domain/binding.ts';
import type { PoolSnapshot } from '../../../src/domain/route.ts';

const CONSUMER = '172.30.0.2';
const PORT_80 = '172.30.0.1:80';
const E1 = '10.30.0.1:80';
const NEIGHBOUR = '172.30.0.9:8080';

/** What Docker does with what leaves its bridge. */
const MASQUERADE = `
add table inet docker
add chain inet docker POSTROUTING { type nat hook postrouting priority srcnat; }
add rule inet docker POSTROUTING ip saddr 172.30.0.0/24 oifname != "docker0" masquerade
`;

function keeping(source: string, text: string): Binding {
  return binding(source, `${text};source=keep`);
}

describe('source=keep', () => {
  async function bench(...routes: readonly (readonly [Binding, PoolSnapshot])[]): Promise<RulesBench> {
    const made = new RulesBench();
    made.nft.somebody(MASQUERADE);
    await made.sync(...routes);
    return made;
  }

  it("lets endpoints see the consumer's own address, past Docker's own masquerade", async () => {
    const pool = told('/a;80', [E1]);
    const kernel = await bench(
      [keeping(CONSUMER, '/a;80'), pool],
      [binding('172.30.0.3', '/a;80', 'c2'), pool],
      [binding(CONSUMER, '/b;81'), pool],
      [keeping(CONSUMER, '/dns;53/udp'), told('/dns;53/udp', ['10.30.0.3:5353'])],
    );
    assert.equal(kernel.send({ source: CONSUMER, to: PORT_80 }), `by net0 to ${E1}`);
    const hidden = `by net0 to ${E1} as 10.30.0.254`;
    assert.equal(kernel.send({ source: '172.30.0.3', to: PORT_80 }), hidden, 'of the same pool');
    assert.equal(kernel.send({ source: CONSUMER, to: '172.30.0.1:81' }), hidden, 'of the same consumer');
    assert.equal(kernel.send({ source: CONSUMER, to: E1 }), hidden, 'dialled by its own address');
    const dns = { source: CONSUMER, to: '172.30.0.1:53', protocol: 'udp' } as const;
    assert.equal(kernel.send(dns), 'by net0 to 10.30.0.3:5353');
    assert.deepEqual(kernel.log.messages('warn'), []);
  });

  it('[P27] is mended where somebody flushes its chain, and comes and goes without a word', async () => {
    const pool = told('/a;80', [E1]);
    const kernel = await bench([binding(CONSUMER, '/a;80'), pool]);
    await kernel.sync([keeping(CONSUMER, '/a;80'), pool]);
    await kernel.clock.advance(60_000);
    await kernel.sync([binding(CONSUMER, '/a;80'), pool]);
    await kernel.clock.advance(60_000);
    assert.deepEqual(kernel.log.messages('warn'), []);
    await kernel.sync([keeping(CONSUMER, '/a;80'), pool]);
    kernel.nft.somebody('flush chain inet embassy shown');
    await kernel.clock.advance(3_000);
    assert.equal(kernel.send({ source: CONSUMER, to: PORT_80 }), `by net0 to ${E1}`);
  });

  it('goes with its descriptor, and is as it was after a restart', async () => {
    const pool = told('/a;80', [E1]);
    const kernel = new RulesBench({ keepsRules: true });
    kernel.nft.somebody(MASQUERADE);
    await kernel.sync([keeping(CONSUMER, '/a;80'), pool]);
    await kernel.proxier[Symbol.asyncDispose]();
    kernel.proxier = kernel.make({});
    await kernel.sync([keeping(CONSUMER, '/a;80'), told('/a;80')]);
    assert.equal(kernel.send({ source: CONSUMER, to: PORT_80 }), `by net0 to ${E1}`, 'adopted');
    await kernel.sync([binding(CONSUMER, '/a;80'), pool]);
    assert.equal(kernel.send({ source: CONSUMER, to: PORT_80 }), `by net0 to ${E1} as 10.30.0.254`);
  });

  it('is written again where somebody took it away', async () => {
    const kernel = await bench([keeping(CONSUMER, '/a;80'), told('/a;80', [E1])]);
    kernel.nft.somebody('flush set inet embassy shown4');
    assert.equal(kernel.send({ source: CONSUMER, to: PORT_80 }), `by net0 to ${E1} as 10.30.0.254`);
    await kernel.clock.advance(30_000);
    assert.equal(kernel.send({ source: CONSUMER, to: PORT_80 }), `by net0 to ${E1}`);
  });

  it("changes nothing for consumers on the host's own network: all its addresses are theirs", async () => {
    const kernel = await bench([keeping(VIRTUAL_IP, '/a;80'), told('/a;80', [E1])]);
    const became = kernel.send({ source: VIRTUAL_IP, to: PORT_80, from: 'process' });
    assert.equal(became, `by net0 to ${E1} as 10.30.0.254`);
    assert.deepEqual(kernel.log.messages('warn'), []);
  });

  it('has no effect towards another bridge, where Docker would drop the answer, and says so', async () => {
    const kernel = new RulesBench({ passage: new ScriptedPassage() });
    kernel.nft.somebody(APART);
    await kernel.sync([keeping(CONSUMER, '/a;80'), told('/a;80', ['172.31.0.5:80'])]);
    const became = kernel.send({ source: CONSUMER, to: PORT_80 });
    assert.equal(became, 'by br-other to 172.31.0.5:80 as 172.31.0.1');
    assert.match(
      kernel.log.messages('warn').join(),
      /172\.31\.0\.5:80 is behind a bridge of this host \(br-other\)$/,
    );
  });

  it('is warned of anew where that changed, and said to operators for as long as it lasts', async () => {
    const bound = keeping(CONSUMER, '/a;80');
    const [far, near] = [told('/a;80', [E1]), told('/a;80', [NEIGHBOUR])];
    const kernel = await bench([bound, near]);
    const route = { binding: bound, pool: near };
    await kernel.proxier.sync(routesOf([[bound, near]]));
    assert.equal(kernel.proxier.reasonToHide(route), undefined, 'a route it was not asked about');
    await kernel.proxier.sync(new RoutingTable(9, new Map([[bound.id, route]])));
    assert.match(kernel.proxier.reasonToHide(route) ?? '', /is behind a bridge of this host \(docker0\)$/);
    assert.equal(kernel.log.messages('warn').length, 1);
    await kernel.sync([bound, far]);
    await kernel.sync([bound, near]);
    assert.equal(kernel.log.messages('warn').length, 2);
  });

  const rows: readonly {
    readonly name: string;
    readonly descriptor: string;
    readonly endpoints: readonly string[] | undefined;
    readonly says: RegExp | undefined;
  }[] = [
    {
      name: 'has no effect towards a neighbour, which would answer past the translation, and says so once',
      descriptor: '/a;80',
      endpoints: [NEIGHBOUR, E1],
      says: /^container c1, variable BACKEND_0: endpoints do not see .* 172\.30\.0\.9:8080 is behind/,
    },
    {
      name: 'has no effect in userspace, and says why once',
      descriptor: '/a;80;proxier=userspace',
      endpoints: [E1],
      says: /: userspace carries the binding \(its descriptor asks for userspace\)$/,
    },
    {
      name: 'says nothing while nothing is known',
      descriptor: '/a;80',
      endpoints: undefined,
      says: undefined,
    },
    {
      name: 'says nothing where there is nobody to see',
      descriptor: '/a;80',
      endpoints: [],
      says: undefined,
    },
  ];
  for (const { name, descriptor, endpoints, says } of rows) {
    it(name, async () => {
      const bound = keeping(CONSUMER, descriptor);
      const kernel = await bench([bound, told(descriptor, endpoints)]);
      await kernel.sync([bound, told(descriptor, endpoints)]);
      const said = kernel.log.messages('warn');
      assert.equal(said.length, says === undefined ? 0 : 1, said.join('\n'));
      if (says !== undefined) assert.match(said[0] ?? '', says);
      if (endpoints?.[0] !== NEIGHBOUR) return;
      const ways = [1, 2].map(() => kernel.send({ source: CONSUMER, to: PORT_80 })).sort();
      assert.deepEqual(ways, [`by docker0 to ${NEIGHBOUR} as 172.30.0.1`, `by net0 to ${E1}`]);
    });
  }
});
