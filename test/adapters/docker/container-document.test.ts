import assert from 'node:assert/strict';
import fc from 'fast-check';
import { formatProblem } from '../../../src/domain/result.ts';
import {
  parseContainerDocument,
  parseContainerList,
  parseContainerRows,
} from '../../../src/adapters/docker/container-document.ts';

const ID = '0f3c5a7be112aa0000000000000000000000000000000000000000000000beef';

/** What every engine writes of a running container on the default bridge. */
const DOCUMENT = {
  Id: ID,
  Name: '/web-1',
  State: { Status: 'running', Running: true, Restarting: false, StartedAt: '2026-01-01T00:00:00.1Z' },
  Config: { Env: ['A=1'], Image: 'shop:1', Labels: { l: 'v' } },
  HostConfig: { NetworkMode: 'default' },
  NetworkSettings: {
    Networks: {
      bridge: { NetworkID: 'n1', EndpointID: 'e1', IPAddress: '172.17.0.2', GlobalIPv6Address: 'FD00::2' },
    },
  },
};

describe('parseContainerDocument', () => {
  it('reads every address of every network', () => {
    const networks = {
      ...DOCUMENT.NetworkSettings.Networks,
      other: { NetworkID: 'n2', EndpointID: 'e2', IPAddress: '10.0.0.9', GlobalIPv6Address: '' },
    };
    const parsed = parseContainerDocument({ ...DOCUMENT, NetworkSettings: { Networks: networks } }, ID);
    assert.deepEqual(parsed, {
      ok: true,
      value: {
        id: ID,
        name: 'web-1',
        running: true,
        startedAt: '2026-01-01T00:00:00.1Z',
        env: ['A=1'],
        image: 'shop:1',
        labels: [['l', 'v']],
        networkMode: 'default',
        attachments: [
          { network: 'bridge', networkId: 'n1', endpointId: 'e1', addresses: ['172.17.0.2', 'fd00::2'] },
          { network: 'other', networkId: 'n2', endpointId: 'e2', addresses: ['10.0.0.9'] },
        ],
        published: [],
      },
    });
  });

  it('reads what the host publishes of it, and leaves out what it cannot read', () => {
    const Ports = {
      '80/tcp': [
        { HostIp: '0.0.0.0', HostPort: '8080' },
        { HostIp: '::', HostPort: '8080' },
        { HostIp: '192.0.2.1', HostPort: '80' },
      ],
      '53/udp': [{ HostIp: '', HostPort: '5353' }],
      '90/sctp': [{ HostIp: '0.0.0.0', HostPort: '90' }],
      '91/tcp': [{ HostIp: '0.0.0.0', HostPort: '' }],
      '92/tcp': null,
    };
    const settings = { ...DOCUMENT.NetworkSettings, Ports };
    const parsed = parseContainerDocument({ ...DOCUMENT, NetworkSettings: settings }, ID);
    assert.ok(parsed.ok);
    assert.deepEqual(parsed.value.published, [
      { at: 4, port: 8080, protocol: 'tcp', containerPort: 80 },
      { at: 6, port: 8080, protocol: 'tcp', containerPort: 80 },
      { at: '192.0.2.1', port: 80, protocol: 'tcp', containerPort: 80 },
      { at: 4, port: 5353, protocol: 'udp', containerPort: 53 },
    ]);
    const strange = { ...DOCUMENT.NetworkSettings, Ports: [1] };
    const other = parseContainerDocument({ ...DOCUMENT, NetworkSettings: strange }, ID);
    assert.deepEqual(other.ok && other.value.published, [], 'nothing depends on it');
  });

  for (const { name, settings } of [
    { name: '20.10, with the address at the top', settings: { IPAddress: '172.17.0.2', Bridge: '' } },
    { name: 'API 1.52, without it', settings: {} },
  ]) {
    it(`[P08] reads the documents of ${name}`, () => {
      const NetworkSettings = { ...settings, ...DOCUMENT.NetworkSettings };
      const parsed = parseContainerDocument({ ...DOCUMENT, NetworkSettings }, ID);
      assert.ok(parsed.ok);
      assert.deepEqual(parsed.value.attachments[0]?.addresses, ['172.17.0.2', 'fd00::2']);
    });
  }

  for (const { name, change } of [
    { name: 'no environment', change: { Config: { Env: null, Labels: null } } },
    { name: 'no networks', change: { NetworkSettings: { Networks: null } } },
    { name: 'a network without settings', change: { NetworkSettings: { Networks: { n: null } } } },
    { name: 'no network mode', change: { HostConfig: {} } },
  ]) {
    it(`reads a document with ${name}`, () => {
      assert.ok(parseContainerDocument({ ...DOCUMENT, ...change }, ID).ok);
    });
  }

  it('reads a name of any letters, and values with line feeds, as they are [D10]', () => {
    const Config = { Env: ['MOTTO=a\nb', 'GRÜSSE=schön ☃'], Labels: null };
    const parsed = parseContainerDocument({ ...DOCUMENT, Name: '/wäb-☃', Config }, ID);
    assert.ok(parsed.ok);
    assert.equal(parsed.value.name, 'wäb-☃');
    assert.deepEqual(parsed.value.env, Config.Env);
  });

  it('reads the endpoints of a list, and none where the engine tells none', () => {
    const rows = [
      { Id: 'a', NetworkSettings: { Networks: { bridge: { EndpointID: 'e1' }, n: { EndpointID: 'e2' } } } },
      { Id: 'b' },
    ];
    const parsed = parseContainerRows(rows);
    assert.ok(parsed.ok);
    assert.deepEqual(
      [...parsed.value].map(([id, endpoints]) => [id, ...endpoints]),
      [['a', 'e1', 'e2'], ['b']],
    );
    assert.ok(!parseContainerRows([{ Id: 7 }]).ok);
  });

  it('takes a container that waits to be restarted as not running', () => {
    const State = { ...DOCUMENT.State, Restarting: true };
    const parsed = parseContainerDocument({ ...DOCUMENT, State }, ID);
    assert.ok(parsed.ok && !parsed.value.running);
  });

  it('[P08] names the container and every place where a document has another shape', () => {
    const parsed = parseContainerDocument({ ...DOCUMENT, State: { Running: 'yes' } }, ID);
    assert.ok(!parsed.ok);
    assert.deepEqual(parsed.problems.map(formatProblem), [
      "container 0f3c5a7be112: docker's document has another shape: State.Running: " +
        'Invalid input: expected boolean, received string',
      "container 0f3c5a7be112: docker's document has another shape: State.StartedAt: " +
        'Invalid input: expected string, received undefined',
    ]);
  });

  it('never throws, whatever the engine answers', () => {
    fc.assert(
      fc.property(fc.anything(), (document) => {
        parseContainerDocument(document, ID);
        parseContainerList(document);
      }),
    );
  });
});

describe('parseContainerList', () => {
  it('reads the ids in order, each once', () => {
    assert.deepEqual(parseContainerList([{ Id: 'b' }, { Id: 'a', State: 'running' }, { Id: 'b' }]), {
      ok: true,
      value: ['b', 'a'],
    });
  });
});
