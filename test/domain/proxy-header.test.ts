import assert from 'node:assert/strict';
import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { IPv4ProxyAddress, IPv6ProxyAddress, V1ProxyProtocol, V2ProxyProtocol } from 'proxy-protocol-js';
import { parseIpAddress } from '../../src/domain/address.ts';
import { ownProxyHeader, proxyHeader } from '../../src/domain/proxy-header.ts';
import { at } from '../support/addresses.ts';
import { address } from '../support/endpoints.ts';
import type { SocketAddress } from '../../src/domain/address.ts';
import type { ProxiedSides } from '../../src/domain/proxy-header.ts';

/** The signature of version 2, as the specification has it. */
const SIGNATURE = '0d0a0d0a000d0a515549540a';

/** The longest line of version 1, CRLF included. */
const LINE_BYTES_MAX = 107;

const V4: ProxiedSides = { source: at('255.255.255.255:65535'), destination: at('192.168.0.11:443') };
const V6: ProxiedSides = { source: at('[2001:db8::1]:56324'), destination: at('[fd00::a:b]:443') };
const MIXED: ProxiedSides = { source: V4.source, destination: V6.destination };

describe('proxyHeader', () => {
  const lines: readonly { readonly name: string; readonly sides: ProxiedSides; readonly is: string }[] = [
    {
      name: 'writes a line for IPv4, as the example of the specification',
      sides: { source: at('192.168.0.1:56324'), destination: at('192.168.0.11:443') },
      is: 'PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n',
    },
    { name: 'writes a line for IPv6', sides: V6, is: 'PROXY TCP6 2001:db8::1 fd00::a:b 56324 443\r\n' },
    { name: 'knows nothing of sides of two families, in a line', sides: MIXED, is: 'PROXY UNKNOWN\r\n' },
  ];
  for (const { name, sides, is } of lines) {
    it(`[P31] ${name}`, () => {
      assert.equal(Buffer.from(proxyHeader('v1', sides)).toString('latin1'), is);
    });
  }

  const binary: readonly { readonly name: string; readonly sides: ProxiedSides; readonly is: string }[] = [
    { name: 'writes IPv4', sides: V4, is: '21 11 000c ffffffff c0a8000b ffff 01bb' },
    {
      name: 'writes IPv6',
      sides: V6,
      is: '21 21 0024 20010db8000000000000000000000001 fd0000000000000000000000000a000b dc04 01bb',
    },
    { name: 'knows nothing of sides of two families', sides: MIXED, is: '21 00 0000' },
  ];
  for (const { name, sides, is } of binary) {
    it(`[P31] ${name}, byte for byte as 2.2 of the specification lays it out`, () => {
      const bytes = Buffer.from(proxyHeader('v2', sides)).toString('hex');
      assert.equal(bytes, SIGNATURE + is.replaceAll(' ', ''));
    });
  }

  const ports = fc.integer({ min: 1, max: 65_535 });
  const sidesOf = (addresses: fc.Arbitrary<string>): fc.Arbitrary<ProxiedSides> => {
    const side = fc.record({ address: addresses, port: ports }).map(({ address: text, port }) => {
      const parsed = parseIpAddress(text);
      return { address: parsed ?? address('192.0.2.1'), port } as SocketAddress;
    });
    return fc.record({ source: side, destination: side });
  };
  const either = fc.oneof(sidesOf(fc.ipV4()), sidesOf(fc.ipV6()));

  it('[P31] writes lines that a reader takes for the same sides, none too long', () => {
    fc.assert(
      fc.property(either, (sides) => {
        fc.pre(isOneFamily(sides));
        const bytes = Buffer.from(proxyHeader('v1', sides));
        assert(bytes.length <= LINE_BYTES_MAX);
        const { source, destination } = V1ProxyProtocol.parse(bytes.toString('latin1'));
        const read = [source.ipAddress, source.port, destination.ipAddress, destination.port];
        assert.deepEqual(read, flat(sides));
      }),
    );
  });

  it('[P31] writes binary that a reader takes for the same sides', () => {
    fc.assert(
      fc.property(either, (sides) => {
        fc.pre(isOneFamily(sides));
        const { proxyAddress: read, data } = V2ProxyProtocol.parse(proxyHeader('v2', sides));
        assert(read instanceof IPv4ProxyAddress || read instanceof IPv6ProxyAddress);
        const text = (bytes: readonly number[]): string => ipaddr.fromByteArray([...bytes]).toString();
        const source = [text(read.sourceAddress.address), read.sourcePort];
        const destination = [text(read.destinationAddress.address), read.destinationPort];
        assert.deepEqual([...source, ...destination], flat(sides));
        assert.equal(data?.length, 0, 'nothing behind the addresses');
      }),
    );
  });
});

describe('ownProxyHeader', () => {
  it("[P31] says in both versions that the connection is nobody else's", () => {
    assert.equal(Buffer.from(ownProxyHeader('v1')).toString('latin1'), 'PROXY UNKNOWN\r\n');
    assert.equal(Buffer.from(ownProxyHeader('v2')).toString('hex'), `${SIGNATURE}20000000`);
  });
});

/** An address may be read as one of the other family (an IPv4 one written in IPv6). */
function isOneFamily({ source, destination }: ProxiedSides): boolean {
  return source.address.includes(':') === destination.address.includes(':');
}

function flat({ source, destination }: ProxiedSides): readonly (string | number)[] {
  return [source, destination].flatMap((side) => [ipaddr.parse(side.address).toString(), side.port]);
}
