import assert from 'node:assert/strict';
import { kernelRoute } from '../../../src/adapters/nftables/kernel-routes.ts';
import { endpointId } from '../../../src/domain/endpoint.ts';
import { NOTHING_PUBLISHED, PublishedPorts } from '../../../src/domain/published-port.ts';
import { binding, poolOf } from '../../support/bindings.ts';
import { address, endpoint, port } from '../../support/endpoints.ts';
import type { Endpoint } from '../../../src/domain/endpoint.ts';
import type { HostNetwork } from '../../../src/ports/host-network.ts';

const HOST: HostNetwork = {
  isLocal: (at) => at === '172.17.0.1' || at === '192.0.2.1',
  interfaceTowards: (at) => {
    if (at.startsWith('172.17.')) return 'docker0';
    if (at.startsWith('172.19.')) return 'br-gone';
    return at.startsWith('172.18.') ? 'br-8a1f' : at.startsWith('192.0.2.') ? 'eth0' : undefined;
  },
};

const RULES = {
  host: HOST,
  virtualIps: [address('172.17.0.1')],
  interfaces: ['br-8a1f', 'docker0'],
  apart: [],
};

const at = (text: string): Endpoint => endpoint(1, { address: address(text) });

describe('kernelRoute', () => {
  const rows: readonly {
    readonly name: string;
    readonly source?: string;
    readonly descriptor?: string;
    readonly endpoints: readonly Endpoint[] | undefined;
    readonly why: RegExp | undefined;
  }[] = [
    { name: 'carries what leads to other hosts', endpoints: [at('10.0.0.1')], why: undefined },
    { name: 'carries what leads to a host of our own network', endpoints: [at('192.0.2.9')], why: undefined },
    {
      name: 'carries what leads to a neighbour on its bridge',
      endpoints: [at('172.17.0.9')],
      why: undefined,
    },
    { name: 'leaves an unknown service', endpoints: undefined, why: /nothing is known/ },
    { name: 'leaves a service without an endpoint', endpoints: [], why: /no endpoint that may be picked/ },
    {
      name: 'leaves what asks for userspace',
      descriptor: '/a;80;proxier=userspace',
      endpoints: [at('10.0.0.1')],
      why: /asks for userspace/,
    },
    {
      name: '[P31] leaves what endpoints want to read a PROXY header of',
      descriptor: '/a;80;proxy-protocol=v2',
      endpoints: [at('10.0.0.1')],
      why: /want the PROXY protocol/,
    },
    {
      name: 'leaves a policy that must know what is open',
      descriptor: '/a;80;balance=least-connections',
      endpoints: [at('10.0.0.1')],
      why: /cannot pick by least-connections/,
    },
    {
      name: 'leaves who serves whoever arrives',
      source: '*',
      endpoints: [at('10.0.0.1')],
      why: /whoever arrives/,
    },
    {
      name: "carries consumers on the host's own network, also to any bridge",
      source: '192.0.2.1',
      endpoints: [at('10.0.0.1'), { ...at('172.19.0.5'), id: endpointId('e2') }],
      why: undefined,
    },
    {
      name: "leaves what leads from the host's own network to the host itself",
      source: '192.0.2.1',
      endpoints: [at('172.17.0.1')],
      why: /172\.17\.0\.1:80 is at an address of this host/,
    },
    {
      name: '[P32] leaves an endpoint that is the consumer itself',
      endpoints: [at('172.17.0.2')],
      why: /is the consumer itself/,
    },
    {
      name: '[P32] leaves a published port of this host',
      endpoints: [at('10.0.0.1'), at('192.0.2.1')],
      why: /192\.0\.2\.1:80 is at an address of this host/,
    },
    {
      name: 'leaves an endpoint behind a bridge that no network of the engine has',
      endpoints: [at('172.19.0.5')],
      why: /behind another bridge \(br-gone\)/,
    },
    {
      name: 'leaves an endpoint of the other family',
      endpoints: [at('fd00::1')],
      why: /other address family/,
    },
    {
      name: 'leaves a consumer of a family without a virtual IP',
      source: 'fd00::2',
      endpoints: [at('fd00::1')],
      why: /no virtual IP of IPv6/,
    },
  ];
  for (const { name, source = '172.17.0.2', descriptor = '/a;80', endpoints, why } of rows) {
    it(name, () => {
      const route = { binding: binding(source, descriptor), pool: poolOf(descriptor, endpoints) };
      const chosen = kernelRoute(route, { ...RULES, published: NOTHING_PUBLISHED });
      if (why === undefined) assert.equal(typeof chosen, 'object', JSON.stringify(chosen));
      else assert(typeof chosen === 'string' && why.test(chosen), JSON.stringify(chosen));
    });
  }

  it('[P32] leaves a neighbour that their bridge keeps apart, whom this host reaches', () => {
    const endpoints = [at('172.17.0.9')];
    const route = { binding: binding('172.17.0.2', '/a;80'), pool: poolOf('/a;80', endpoints) };
    const published = NOTHING_PUBLISHED;
    const chosen = kernelRoute(route, { ...RULES, published, apart: ['docker0'] });
    assert.equal(
      chosen,
      'endpoint 172.17.0.9:80 is kept apart from its neighbours by their bridge (docker0)',
    );
    const others = kernelRoute(route, { ...RULES, published, apart: ['br-8a1f'] });
    assert.equal(typeof others, 'object');
  });

  it('tells what is behind another bridge, of the endpoints that are picked and of the others', () => {
    const [near, far] = [at('172.17.0.9'), { ...at('172.18.0.5'), id: endpointId('e2') }];
    for (const [endpoints, across, crosses] of [
      [[near], undefined, false],
      [[near, far], 'endpoint 172.18.0.5:80 is behind another bridge (br-8a1f)', true],
      [[near, { ...far, weight: 0 }], undefined, true],
    ] as const) {
      const route = { binding: binding('172.17.0.2', '/a;80'), pool: poolOf('/a;80', endpoints) };
      const chosen = kernelRoute(route, { ...RULES, published: NOTHING_PUBLISHED });
      assert(typeof chosen !== 'string', JSON.stringify(chosen));
      assert.deepEqual([chosen.across, chosen.crosses], [across, crosses]);
    }
  });

  describe('with an endpoint on a port that a container publishes', () => {
    const published = (...addresses: readonly string[]): PublishedPorts =>
      new PublishedPorts([
        {
          at: 4,
          port: port(80),
          protocol: 'tcp',
          addresses: addresses.map(address),
          containerPort: port(8080),
        },
      ]);
    const chosen = (ports: PublishedPorts, source = '172.17.0.2'): ReturnType<typeof kernelRoute> =>
      kernelRoute(
        {
          binding: binding(source, '/a;80'),
          pool: poolOf('/a;80', [at('10.0.0.1'), { ...at('192.0.2.1'), id: endpointId('e2') }]),
        },
        { ...RULES, published: ports },
      );

    it("sends packets to the container's own place, and keeps the endpoint's name", () => {
      const route = chosen(published('172.17.0.7'));
      assert(typeof route !== 'string', JSON.stringify(route));
      assert.deepEqual(
        route.slots.map(({ address: to, port: on }) => `${to}:${on}`),
        ['10.0.0.1:80', '172.17.0.7:8080'],
      );
      const place = { address: '172.17.0.7', port: 8080 };
      assert.deepEqual([...route.located], [['192.0.2.1:80', place]]);
    });

    it('takes, of a container on several networks, the place that it can reach', () => {
      const route = chosen(published('172.18.0.7', '172.17.0.7'));
      assert(typeof route !== 'string', JSON.stringify(route));
      assert.deepEqual(route.located.get('192.0.2.1:80')?.address, '172.17.0.7');
    });

    it('has another chain for consumers who have another place for the same endpoint', () => {
      const both = published('172.18.0.7', '172.17.0.7');
      const [one, two] = [chosen(both), chosen(both, '172.18.0.2')];
      assert(typeof one !== 'string' && typeof two !== 'string', JSON.stringify([one, two]));
      assert.equal(two.located.get('192.0.2.1:80')?.address, '172.18.0.7');
      assert.notEqual(one.chain, two.chain);
    });

    it('takes, of a container that is no neighbour, its place behind another bridge', () => {
      const route = chosen(published('172.18.0.7'));
      assert(typeof route !== 'string', JSON.stringify(route));
      assert.equal(route.located.get('192.0.2.1:80')?.address, '172.18.0.7');
      assert.equal(route.across, 'endpoint 192.0.2.1:80 is behind another bridge (br-8a1f)');
    });

    it('leaves one whose container cannot be reached, or is the consumer itself', () => {
      assert.match(JSON.stringify(chosen(published('172.19.0.7'))), /at an address of this host/);
      assert.match(JSON.stringify(chosen(published('172.17.0.2'))), /at an address of this host/);
    });
  });
});
