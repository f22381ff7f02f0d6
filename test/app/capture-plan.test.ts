import assert from 'node:assert/strict';
import { captureInWords, captureOf } from '../../src/app/capture-plan.ts';
import { at } from '../support/addresses.ts';
import { binding } from '../support/bindings.ts';
import { address, port } from '../support/endpoints.ts';
import type { CapturePlan } from '../../src/app/capture-plan.ts';

const DNAT: CapturePlan = {
  kind: 'dnat',
  virtualIps: [address('172.17.0.1')],
  listeners: [at('172.17.0.1:9999')],
  unbound: 'refuse',
  hostAddresses: () => [address('127.0.0.1'), address('172.17.0.1'), address('10.0.0.5')],
};

const REDIRECT: CapturePlan = {
  kind: 'redirect',
  families: [4],
  virtualIps: [],
  port: port(9999),
  unbound: 'refuse',
};

const BINDINGS = [
  binding('172.17.0.3', '/web;443'),
  binding('172.17.0.3', '/web;80'),
  binding('10.0.0.5', '/web;8080'),
  binding('172.17.0.1', '/web;8080'),
  binding('172.17.0.2', '/web;80'),
];

describe('captureOf [C4]', () => {
  it('knows too little with --dnat before a provider told of the bridges', () => {
    assert.equal(captureOf(DNAT, { interfaces: undefined, bindings: BINDINGS }), undefined);
  });

  it('captures every port from the bridges, and from the host itself those that it bound [C11]', () => {
    assert.deepEqual(captureOf(DNAT, { interfaces: ['docker0'], bindings: BINDINGS }), {
      kind: 'dnat',
      virtualIps: ['172.17.0.1'],
      listeners: [at('172.17.0.1:9999')],
      interfaces: ['docker0'],
      bound: undefined,
      localPorts: [8080],
    });
  });

  it('captures with --unbound=pass only what is bound, sorted [C3]', () => {
    const capture = captureOf({ ...DNAT, unbound: 'pass' }, { interfaces: ['docker0'], bindings: BINDINGS });
    assert.deepEqual(capture?.bound, [
      { source: '10.0.0.5', port: 8080 },
      { source: '172.17.0.1', port: 8080 },
      { source: '172.17.0.2', port: 80 },
      { source: '172.17.0.3', port: 80 },
      { source: '172.17.0.3', port: 443 },
    ]);
  });

  it('captures with --redirect whatever arrives, without waiting for a provider', () => {
    assert.deepEqual(captureOf(REDIRECT, { interfaces: undefined, bindings: [] }), {
      kind: 'redirect',
      families: [4],
      virtualIps: [],
      port: 9999,
      bound: undefined,
    });
  });

  it('leaves UDP alone', () => {
    const udp = { ...binding('172.17.0.1', '/web;53'), protocol: 'udp' as const };
    const capture = captureOf({ ...DNAT, unbound: 'pass' }, { interfaces: ['docker0'], bindings: [udp] });
    assert(capture?.kind === 'dnat');
    assert.deepEqual([capture.bound, capture.localPorts], [[], []]);
  });
});

describe('captureInWords', () => {
  for (const { name, plan, interfaces, bindings, words } of [
    {
      name: '--dnat',
      plan: DNAT,
      interfaces: ['br-1', 'docker0'],
      bindings: [],
      words: 'traffic for 172.17.0.1 from br-1, docker0',
    },
    {
      name: 'consumers on the network of the host',
      plan: DNAT,
      interfaces: ['docker0'],
      bindings: BINDINGS,
      words: 'traffic for 172.17.0.1 from docker0, the host itself (port 8080)',
    },
    {
      name: '--unbound=pass',
      plan: { ...DNAT, unbound: 'pass' as const },
      interfaces: ['docker0'],
      bindings: [],
      words: 'bound traffic for 172.17.0.1 from docker0',
    },
    { name: 'no bridge', plan: DNAT, interfaces: [], bindings: [], words: undefined },
    {
      name: '--redirect',
      plan: REDIRECT,
      interfaces: [],
      bindings: [],
      words: 'traffic that arrives in this network namespace',
    },
    {
      name: '--redirect with a virtual IP',
      plan: { ...REDIRECT, virtualIps: [address('192.0.2.1')] },
      interfaces: [],
      bindings: [],
      words: 'traffic that arrives in this network namespace, and what its processes send to 192.0.2.1',
    },
  ]) {
    it(`says what is captured: ${name}`, () => {
      const capture = captureOf(plan, { interfaces, bindings });
      assert(capture !== undefined);
      assert.equal(captureInWords(capture), words);
    });
  }
});
