import assert from 'node:assert/strict';
import { bindingId, sameBinding } from '../../src/domain/binding.ts';
import { consumerId } from '../../src/domain/consumer.ts';
import { parseDescriptor } from '../../src/domain/descriptor.ts';
import { poolKeyOf } from '../../src/domain/pool-key.ts';
import { RoutingTable } from '../../src/domain/routing-table.ts';
import { address, port } from '../support/endpoints.ts';
import type { IpAddress } from '../../src/domain/address.ts';
import type { Binding, BindingOwner } from '../../src/domain/binding.ts';
import type { AnyAddress } from '../../src/domain/consumer.ts';
import type { Descriptor } from '../../src/domain/descriptor.ts';
import type { Route } from '../../src/domain/route.ts';

const WEB = address('172.17.0.3');
const OTHER = address('172.17.0.4');
const DEFAULTS = { discoveries: [{ name: 'etcd', wildcards: true }], balance: 'round-robin' } as const;

describe('bindingId', () => {
  it('tells addresses, protocols and ports apart, and nothing else', () => {
    const ids = [WEB, OTHER, '*' as const].flatMap((from) =>
      (['tcp', 'udp'] as const).flatMap((protocol) =>
        [80, 8080].map((to) => bindingId(from, protocol, port(to))),
      ),
    );
    assert.equal(new Set(ids).size, 12);
    assert.equal(bindingId(WEB, 'tcp', port(80)), '172.17.0.3 tcp 80');
  });

  it('is one for both spellings of an IPv4 address', () => {
    assert.equal(bindingId(address('::ffff:172.17.0.3'), 'tcp', port(80)), bindingId(WEB, 'tcp', port(80)));
  });
});

describe('sameBinding', () => {
  for (const { name, changed } of [
    { name: 'another container', changed: { consumer: consumerId('other') } },
    { name: 'a restart', changed: { startedAt: '2026-01-01T00:00:01Z' } },
    { name: 'an address given anew', changed: { endpointId: 'endpoint-2' } },
  ]) {
    it(`[C10] [P04] tells ${name} apart`, () => {
      const before = routeOf(WEB, 'web').binding;
      assert.equal(sameBinding(before, { ...before, owner: { ...before.owner, ...changed } }), false);
    });
  }

  it('[C10] tells another service apart, and another policy', () => {
    const web = routeOf(WEB, 'web').binding;
    assert.equal(sameBinding(web, routeOf(WEB, 'db').binding), false);
    const descriptor = descriptorOf('web;80;balance=least-connections');
    assert.equal(sameBinding(web, { ...web, descriptor }), false);
  });

  it('is true of the same wish, however it was written', () => {
    const web = routeOf(WEB, 'web').binding;
    assert.equal(sameBinding(web, { ...web, descriptor: descriptorOf(' web;80/tcp ') }), true);
  });
});

describe('RoutingTable', () => {
  const exact = routeOf(WEB, 'web');
  const wildcard = routeOf('*', 'anyone');
  const table = new RoutingTable(1, new Map([wildcard, exact].map((route) => [route.binding.id, route])));

  it('[C5] finds the exact binding before the wildcard one', () => {
    assert.equal(table.lookup(WEB, 'tcp', port(80)), exact);
  });

  it('[C5] finds the wildcard binding for everybody else', () => {
    assert.equal(table.lookup(OTHER, 'tcp', port(80)), wildcard);
  });

  it('[C5] finds nothing at another port or protocol', () => {
    assert.equal(table.lookup(WEB, 'tcp', port(81)), undefined);
    assert.equal(table.lookup(WEB, 'udp', port(80)), undefined);
  });

  it('cannot be changed', () => {
    assert(Object.isFrozen(table));
  });
});

describe('poolKeyOf', () => {
  it('[C6] is one pool for bindings that agree, whatever their port and the order of their tags', () => {
    const id = poolKeyOf(descriptorOf('web[a,b];80'), DEFAULTS).id;
    assert.equal(poolKeyOf(descriptorOf('web[b,a];8080'), DEFAULTS).id, id);
    assert.equal(poolKeyOf(descriptorOf('web[a,b];80;balance=round-robin'), DEFAULTS).id, id);
  });

  for (const text of [
    'web[a];80',
    'web;80',
    'web2[a,b];80',
    'web[a,b];80;balance=least-connections',
    'web["a","b"];80',
  ]) {
    it(`[C6] is another pool for ${text}`, () => {
      const id = poolKeyOf(descriptorOf('web[a,b];80'), DEFAULTS).id;
      assert.notEqual(poolKeyOf(descriptorOf(text), DEFAULTS).id, id);
    });
  }

  it('[C6] is another pool for another discovery', () => {
    const descriptor = descriptorOf('web;80');
    const other = poolKeyOf(descriptor, { ...DEFAULTS, discoveries: [{ name: 'file', wildcards: false }] });
    assert.notEqual(poolKeyOf(descriptor, DEFAULTS).id, other.id);
  });
});

function descriptorOf(text: string): Descriptor {
  const result = parseDescriptor(text, 'a test', { ...DEFAULTS, udp: false });
  assert(result.ok, `${text} is a descriptor`);
  return result.value;
}

function routeOf(from: IpAddress | AnyAddress, service: string): Route {
  const descriptor = descriptorOf(`${service};80`);
  const owner: BindingOwner = {
    consumer: consumerId('web-1'),
    startedAt: '2026-01-01T00:00:00Z',
    endpointId: 'endpoint-1',
  };
  const binding: Binding = {
    id: bindingId(from, 'tcp', port(80)),
    owner,
    address: from,
    port: port(80),
    protocol: 'tcp',
    descriptor,
    consumerName: 'web-1',
    place: 'a test',
  };
  return { binding, pool: { state: 'unknown', key: poolKeyOf(descriptor, DEFAULTS) } };
}
