import assert from 'node:assert/strict';
import { HostAddressError, addressesOrThrow, listenPlan } from '../../src/app/listen-plan.ts';
import { address, port } from '../support/endpoints.ts';
import type { HostAddresses, ListenChoice } from '../../src/app/listen-plan.ts';

/** A host with docker0 at 172.17.0.1 and eth0 at 10.0.0.5 and fd00::5. */
const HOST: HostAddresses = {
  addressesOf: (name) => (name === 'eth0' ? [address('10.0.0.5'), address('fd00::5')] : []),
  all: () => [
    address('127.0.0.1'),
    address('::1'),
    address('172.17.0.1'),
    address('10.0.0.5'),
    address('fd00::5'),
  ],
  isLocal: (at) => ['172.17.0.1', '10.0.0.5', 'fd00::5'].includes(at),
};

const BASE: ListenChoice = {
  capture: { kind: 'dnat' },
  virtualIps: [address('172.17.0.1')],
  interface: 'eth0',
  port: port(9999),
};

const ROWS = [
  { name: 'at a virtual IP of this host', choice: {}, at: ['172.17.0.1'] },
  {
    name: "at the interface's address of the family where the virtual IP is not of this host",
    choice: { virtualIps: [address('192.0.2.1'), address('2001:db8::1')] },
    at: ['10.0.0.5', 'fd00::5'],
  },
  {
    name: "at loopback and the interface's IPv4 address without a capture mode",
    choice: { capture: { kind: 'none' as const }, virtualIps: [] },
    at: ['127.0.0.1', '10.0.0.5'],
  },
  {
    name: 'at loopback alone without a capture mode and without the interface',
    choice: { capture: { kind: 'none' as const }, virtualIps: [], interface: 'eth9' },
    at: ['127.0.0.1'],
  },
];

describe('listenPlan [C3] [C4]', () => {
  it('names the virtual IP and the interface where neither has an address of its family', () => {
    const host = { ...HOST, addressesOf: () => [address('10.0.0.5')] };
    assert.throws(
      () => listenPlan(host, { ...BASE, virtualIps: [address('2001:db8::1')] }),
      (error) =>
        error instanceof HostAddressError &&
        error.message.includes('interface eth0') &&
        error.message.includes('2001:db8::1') &&
        error.message.includes('-interface=NAME'),
    );
  });

  for (const { name, choice, at } of ROWS) {
    it(`listens ${name}`, () => {
      const expected = at.map((each) => ({ address: address(each), port: port(9999) }));
      assert.deepEqual(listenPlan(HOST, { ...BASE, ...choice }), { kind: 'captured', at: expected });
    });
  }

  it('listens at every address of the namespace with --redirect, of IPv6 only where it has one', () => {
    const choice: ListenChoice = { ...BASE, capture: { kind: 'redirect' }, virtualIps: [] };
    const ipv4Only = { ...HOST, all: () => [address('127.0.0.1'), address('::1'), address('10.0.0.5')] };
    const everywhere = (text: string): unknown => ({
      kind: 'captured',
      at: [{ address: address(text), port: port(9999) }],
    });
    assert.deepEqual(listenPlan(ipv4Only, choice), everywhere('0.0.0.0'));
    assert.deepEqual(listenPlan(HOST, choice), everywhere('::'), 'which takes IPv4, too');
  });

  it('listens at one port per binding with --listen', () => {
    const capture = { kind: 'listen', address: address('127.0.0.1'), offset: 8000 } as const;
    assert.deepEqual(listenPlan(HOST, { ...BASE, capture }), {
      kind: 'direct',
      address: '127.0.0.1',
      offset: 8000,
    });
  });

  it('says what to do when no address can be listened at', () => {
    const virtualIps = [address('192.0.2.1')];
    assert.throws(
      () => listenPlan(HOST, { ...BASE, virtualIps, interface: 'eth9' }),
      new HostAddressError(
        'interface eth9 does not exist or has no address; choose another with -interface=NAME',
      ),
    );
    assert.throws(() => addressesOrThrow(HOST, 'eth9'), HostAddressError);
  });
});
