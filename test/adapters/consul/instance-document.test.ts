import assert from 'node:assert/strict';
import { parseInstances } from '../../../src/adapters/consul/instance-document.ts';
import type { Instance } from '../../../src/adapters/consul/instance-document.ts';

interface Entry {
  readonly node?: unknown;
  readonly service?: Readonly<Record<string, unknown>>;
  readonly checks?: unknown;
}

/** An entry as Consul 1.8 writes it, with what is given instead. */
function entry({ node, service, checks }: Entry = {}): unknown {
  return {
    Node: node ?? { ID: 'ae9a9511', Node: 'n1', Address: '10.9.0.1', Datacenter: 'dc1', Meta: null },
    Service: {
      ID: 'web-1',
      Service: 'web',
      Tags: ['prod', 'v2'],
      Address: '10.0.0.1',
      TaggedAddresses: { lan_ipv4: { Address: '10.0.0.1', Port: 80 }, wan: { address: '1.2.3.4', port: 1 } },
      Port: 80,
      Weights: { Passing: 10, Warning: 1 },
      ...service,
    },
    Checks: checks ?? [{ Node: 'n1', CheckID: 'serfHealth', Status: 'passing', ServiceID: '' }],
  };
}

function read(given: Entry = {}): Instance {
  const instances = parseInstances([entry(given)]);
  assert.ok(!('fault' in instances));
  const [instance] = instances;
  assert.ok(instance !== undefined);
  return instance;
}

describe('parseInstances', () => {
  it('reads an instance: identity, address, port, weight and tags', () => {
    assert.deepEqual(read(), {
      id: 'n1/web-1',
      serviceId: 'web-1',
      node: 'n1',
      place: 'instance web-1 at node n1',
      health: 'passing',
      endpoint: { id: 'n1/web-1', address: '10.0.0.1', port: 80, weight: 10, tags: ['prod', 'v2'] },
      faults: [],
    });
  });

  const addresses = [
    { name: "[D05] the instance's own", service: {}, expected: '10.0.0.1' },
    { name: "the node's where it has none", service: { Address: '' }, expected: '10.9.0.1' },
    { name: "the node's where it lacks the field", service: { Address: undefined }, expected: '10.9.0.1' },
    { name: 'of IPv6', service: { Address: 'fd00:0::1' }, expected: 'fd00::1' },
    { name: 'by the name of a host', service: { Address: 'DB.example.' }, expected: 'db.example' },
  ];
  for (const { name, service, expected } of addresses) {
    it(`takes the address ${name}`, () => {
      assert.equal(read({ service }).endpoint?.address, expected);
    });
  }

  const healths = [
    { name: 'no check at all', checks: [], expected: 'passing' },
    { name: 'no list of checks', checks: null, expected: 'passing' },
    { name: 'a warning', checks: [['service:web', 'warning']], expected: 'warning' },
    {
      name: 'a critical check of the node, before a warning',
      checks: [
        ['serfHealth', 'critical'],
        ['service:web', 'warning'],
      ],
      expected: 'critical',
    },
    { name: 'a status of later days', checks: [['service:web', 'doubtful']], expected: 'critical' },
    { name: 'maintenance of the node', checks: [['_node_maintenance', 'critical']], expected: 'maintenance' },
    {
      name: 'maintenance of the service',
      checks: [
        ['service:web', 'critical'],
        ['_service_maintenance:web-1', 'critical'],
      ],
      expected: 'maintenance',
    },
  ];
  for (const { name, checks, expected } of healths) {
    it(`tells the health with ${name}`, () => {
      const list = checks?.map(([id, status]) => ({ CheckID: id, Status: status }));
      const entries = [{ ...(entry() as object), Checks: list ?? null }];
      const instances = parseInstances(entries);
      assert.ok(!('fault' in instances));
      assert.equal(instances[0]?.health, expected);
    });
  }

  it('takes the weight of a warning from its own field, and 1 where there are none', () => {
    const checks = [{ CheckID: 'c', Status: 'warning' }];
    assert.equal(read({ checks, service: { Weights: { Passing: 10, Warning: 3 } } }).endpoint?.weight, 3);
    assert.equal(read({ service: { Weights: null } }).endpoint?.weight, 1);
  });

  it('tells no tags from data without tags: Consul always has the field', () => {
    assert.deepEqual(read({ service: { Tags: null } }).endpoint?.tags, []);
  });

  const faults = [
    { name: 'port 0', service: { Port: 0 }, expected: [/^Service\.Port: '0' is not a port/] },
    {
      name: 'an address and a port that are none, both at once',
      service: { Address: '10.0.0.256', Port: 70_000 },
      expected: [/^Service\.Address: '10\.0\.0\.256' is neither/, /^Service\.Port: '70000'/],
    },
    { name: 'a weight below 0', service: { Weights: { Passing: -1, Warning: 1 } }, expected: [/Weights/] },
    { name: 'tags that are no list', service: { Tags: 'prod' }, expected: [/Tags/] },
    { name: 'a port in quotes', service: { Port: '80' }, expected: [/Port/] },
    {
      name: 'an address that would move the cursor',
      service: { Address: '\u001b[2J' },
      expected: [/'\\x1b\[2J' is neither/],
    },
  ];
  for (const { name, service, expected } of faults) {
    it(`names ${name}, and the instance`, () => {
      const instance = read({ service });
      assert.equal(instance.endpoint, undefined);
      assert.equal(instance.place, 'instance web-1 at node n1');
      assert.equal(instance.faults.length, expected.length);
      for (const [index, pattern] of expected.entries()) assert.match(instance.faults[index] ?? '', pattern);
    });
  }

  it('tells two instances of one id at two nodes apart', () => {
    const nodes = ['n1', 'n2'].map((name) => entry({ node: { Node: name, Address: '10.9.0.1' } }));
    const instances = parseInstances(nodes);
    assert.ok(!('fault' in instances));
    assert.deepEqual(
      instances.map(({ id }) => id),
      ['n1/web-1', 'n2/web-1'],
    );
  });

  it("leaves out registrator's UDP ports", () => {
    const ids = ['host:web:80', 'host:dns:53:udp', 'web:udp'];
    const instances = parseInstances(ids.map((id) => entry({ service: { ID: id } })));
    assert.ok(!('fault' in instances));
    assert.deepEqual(
      instances.map(({ id }) => id),
      ['n1/host:web:80', 'n1/web:udp'],
    );
  });

  const shapes = [
    { name: 'an object', body: { message: 'hello' }, expected: /not a list/ },
    { name: 'a text', body: 'hello', expected: /not a list/ },
    { name: 'a list of something else', body: [entry(), { id: 1 }], expected: /at place 2/ },
    { name: 'a list of nothing', body: [null], expected: /at place 1/ },
    { name: 'an endless list', body: Array(10_001).fill(entry()), expected: /more than 10000/ },
  ];
  for (const { name, body, expected } of shapes) {
    it(`believes nothing of ${name}`, () => {
      const instances = parseInstances(body);
      assert.ok('fault' in instances);
      assert.match(instances.fault, expected);
    });
  }
});
