import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import fc from 'fast-check';
import {
  familyOf,
  formatSocketAddress,
  isLoopback,
  isUnicast,
  isUnspecified,
  isIpAddress,
  parseHostName,
  parseIpAddress,
  parsePort,
  parseSocketAddress,
  unspecified,
} from '../../src/domain/address.ts';
import { address, port } from '../support/endpoints.ts';

const ADDRESSES: readonly {
  readonly name: string;
  readonly text: string;
  readonly is: string | undefined;
}[] = [
  { name: 'takes IPv4', text: '172.17.0.1', is: '172.17.0.1' },
  { name: 'takes the highest IPv4 address', text: '255.255.255.255', is: '255.255.255.255' },
  { name: 'shortens IPv6', text: 'fd00:0:0:0:0:0:0:1', is: 'fd00::1' },
  { name: 'writes IPv6 in lower case', text: 'FD00::ABCD', is: 'fd00::abcd' },
  { name: 'compresses the first of two equal runs', text: '2001:db8:0:0:1:0:0:1', is: '2001:db8::1:0:0:1' },
  { name: 'does not compress a single group', text: '2001:db8:0:1:1:1:1:1', is: '2001:db8:0:1:1:1:1:1' },
  { name: 'takes a mapped address for the IPv4 address it is', text: '::ffff:10.0.0.1', is: '10.0.0.1' },
  { name: 'takes a mapped address in hexadecimal too', text: '::ffff:a00:1', is: '10.0.0.1' },
  { name: 'takes the unspecified addresses', text: '::', is: '::' },
  { name: 'refuses an IPv4 part above 255', text: '10.0.0.256', is: undefined },
  { name: 'refuses a short IPv4 address', text: '10.1', is: undefined },
  { name: 'refuses octal', text: '010.0.0.1', is: undefined },
  { name: 'refuses octal within a mapped address', text: '::ffff:010.0.0.1', is: undefined },
  { name: 'refuses hexadecimal', text: '0x0a.0.0.1', is: undefined },
  { name: 'refuses a whole number', text: '167772161', is: undefined },
  { name: 'refuses a zone', text: 'fe80::1%eth0', is: undefined },
  { name: 'refuses brackets', text: '[fd00::1]', is: undefined },
  { name: 'refuses a prefix length', text: '10.0.0.0/8', is: undefined },
  { name: 'refuses surrounding space', text: ' 10.0.0.1', is: undefined },
  { name: 'refuses an empty text', text: '', is: undefined },
  { name: 'refuses a name', text: 'localhost', is: undefined },
];

describe('parseIpAddress', () => {
  for (const { name, text, is } of ADDRESSES) {
    it(`${name}: '${text}'`, () => {
      assert.equal(parseIpAddress(text), is);
    });
  }

  it('takes exactly what the system takes for an address, but for zones', () => {
    const nearly = fc.stringMatching(/^[0-9a-fx.:%]{0,20}$/);
    const mixed = fc.stringMatching(/^(::|::ffff:|64:ff9b::|1::2:)[0-3]{1,3}([.][0-3]{1,3}){2,4}$/);
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), nearly, mixed, fc.string()), (text) => {
        const system = isIP(text) !== 0 && !text.includes('%');
        assert.equal(parseIpAddress(text) !== undefined, system, text);
      }),
      { numRuns: 2000 },
    );
  });

  it('gives a spelling that it reads as itself', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        const parsed = address(text);
        assert.equal(parseIpAddress(parsed), parsed);
      }),
    );
  });
});

describe('familyOf', () => {
  it('tells a mapped address to be of IPv4', () => {
    assert.equal(familyOf(address('::ffff:10.0.0.1')), 4);
    assert.equal(familyOf(address('10.0.0.1')), 4);
    assert.equal(familyOf(address('fd00::1')), 6);
  });
});

describe('isLoopback', () => {
  for (const text of ['127.0.0.1', '127.255.0.3', '::1', '::ffff:127.0.0.1']) {
    it(`is true of ${text}`, () => {
      assert.equal(isLoopback(address(text)), true);
    });
  }
  for (const text of ['128.0.0.1', '12.7.0.1', '::', '::2', 'fd00::1', '172.17.0.1']) {
    it(`is false of ${text}`, () => {
      assert.equal(isLoopback(address(text)), false);
    });
  }
});

describe('parsePort', () => {
  for (const [text, is] of [
    ['1', 1],
    ['80', 80],
    ['65535', 65_535],
    [65_535, 65_535],
    ['0', undefined],
    ['65536', undefined],
    ['080', undefined],
    ['+80', undefined],
    ['-1', undefined],
    ['8e1', undefined],
    [' 80', undefined],
    ['80\n', undefined],
    ['', undefined],
    ['٨٠', undefined],
    [0, undefined],
    [80.5, undefined],
    [Number.NaN, undefined],
    [Number.POSITIVE_INFINITY, undefined],
  ] as const) {
    it(`[D09] reads ${JSON.stringify(text)} as ${String(is)}`, () => {
      assert.equal(parsePort(text), is);
    });
  }

  it('[D09] takes every port from 1 to 65535, as a number and as text', () => {
    for (let value = 1; value <= 65_535; value += 1) {
      assert.equal(parsePort(value), value);
      assert.equal(parsePort(String(value)), value);
    }
  });
});

describe('parseSocketAddress', () => {
  it('reads what formatSocketAddress writes', () => {
    const ports = fc.integer({ min: 1, max: 65_535 });
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), ports, (text, number) => {
        const at = { address: address(text), port: port(number) };
        assert.deepEqual(parseSocketAddress(formatSocketAddress(at)), at);
      }),
    );
  });

  it('never throws, and reads only what it could have written or a longer spelling of it', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[[\]0-9a-f.:]{0,24}$/)), (text) => {
        const at = parseSocketAddress(text);
        if (at !== undefined) assert.deepEqual(parseSocketAddress(formatSocketAddress(at)), at);
      }),
      { numRuns: 2000 },
    );
  });

  for (const text of [
    '10.0.0.1',
    '10.0.0.1:',
    '10.0.0.1:0',
    '[10.0.0.1]:80',
    'fd00::1:80',
    '[fd00::1]80',
    '[fd00::1]',
    '[]:80',
    ':80',
    'host:80',
    '10.0.0.1:80 ',
    '10.0.0.1:80:90',
  ]) {
    it(`refuses '${text}'`, () => {
      assert.equal(parseSocketAddress(text), undefined);
    });
  }

  it('reads a mapped address in brackets as IPv4', () => {
    assert.deepEqual(parseSocketAddress('[::ffff:10.0.0.1]:80'), { address: '10.0.0.1', port: 80 });
  });
});

describe('isUnicast', () => {
  for (const { text, is } of [
    { text: '172.17.0.1', is: true },
    { text: '10.254.254.254', is: true },
    { text: '192.0.2.1', is: true },
    { text: '169.254.1.1', is: true },
    { text: 'fd00::1', is: true },
    { text: '0.0.0.0', is: false },
    { text: '0.1.2.3', is: false },
    { text: '127.0.0.1', is: false },
    { text: '224.0.0.1', is: false },
    { text: '239.255.255.255', is: false },
    { text: '255.255.255.255', is: false },
    { text: '::', is: false },
    { text: '::1', is: false },
    { text: 'ff02::1', is: false },
    { text: 'fe80::1', is: false },
  ]) {
    it(`says ${is} of ${text}`, () => {
      assert.equal(isUnicast(address(text)), is);
    });
  }
});

describe('unspecified', () => {
  for (const family of [4, 6] as const) {
    it(`is the address of IPv${family} that stands for all`, () => {
      assert.equal(familyOf(unspecified(family)), family);
      assert(isUnspecified(unspecified(family)));
    });
  }
});

describe('parseHostName', () => {
  for (const { text, is } of [
    { text: 'db-1', is: 'db-1' },
    { text: 'DB-1.Example.NET.', is: 'db-1.example.net' },
    { text: 'my_service', is: 'my_service' },
    { text: '3com.example', is: '3com.example' },
    { text: '10.0.0.256', is: undefined },
    { text: '10.0.0.1', is: undefined },
    { text: '', is: undefined },
    { text: '.', is: undefined },
    { text: 'a..b', is: undefined },
    { text: '-a', is: undefined },
    { text: 'a b', is: undefined },
    { text: 'a/b', is: undefined },
    { text: 'fd00::1', is: undefined },
    { text: `${'a'.repeat(64)}.net`, is: undefined },
    { text: 'a.'.repeat(127) + 'ab', is: undefined },
  ]) {
    it(`reads '${text.slice(0, 30)}' as ${is ?? 'no host name'}`, () => {
      const name = parseHostName(text);
      assert.equal(name, is);
      if (name !== undefined) assert(!isIpAddress(name));
    });
  }
});
