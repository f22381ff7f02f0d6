import assert from 'node:assert/strict';
import fc from 'fast-check';
import { formatDiscoveryUrl, parseDiscoveryUrl } from '../../src/cli/discovery-url.ts';
import type { DiscoveryUrl, ServerDiscovery } from '../../src/cli/discovery-url.ts';
import type { Port } from '../../src/domain/address.ts';

interface BadRow {
  readonly name: string;
  readonly text: string;
  readonly expected: readonly string[];
}

const SERVER: ServerDiscovery = {
  scheme: 'etcd',
  name: 'etcd',
  hosts: [{ host: '127.0.0.1', port: 2379 as Port }],
  tls: undefined,
  user: undefined,
  passwordFile: undefined,
  tokenFile: undefined,
  datacenter: undefined,
  namespace: undefined,
};

const GOOD: readonly { readonly name: string; readonly text: string; readonly expected: DiscoveryUrl }[] = [
  { name: 'etcd', text: 'etcd://127.0.0.1:2379', expected: SERVER },
  { name: 'the customary port', text: 'etcd://127.0.0.1', expected: SERVER },
  { name: 'a slash at the end', text: 'etcd://127.0.0.1:2379/', expected: SERVER },
  { name: 'a host twice', text: 'etcd://127.0.0.1,127.0.0.1:2379', expected: SERVER },
  { name: 'a name', text: 'east=etcd://127.0.0.1', expected: { ...SERVER, name: 'east' } },
  {
    name: 'several hosts of both families',
    text: 'etcd://etcd-1.example:4001,[fd00:0::1]:1',
    expected: {
      ...SERVER,
      hosts: [
        { host: 'etcd-1.example', port: 4001 as Port },
        { host: 'fd00::1', port: 1 as Port },
      ],
    },
  },
  {
    name: 'TLS without files',
    text: 'etcd+tls://127.0.0.1',
    expected: { ...SERVER, tls: { ca: undefined, cert: undefined, key: undefined } },
  },
  {
    name: 'everything of etcd',
    text: 'etcd+tls://root@127.0.0.1?ca=/a%20b&cert=c&key=k&password-file=/run/p',
    expected: { ...SERVER, tls: { ca: '/a b', cert: 'c', key: 'k' }, user: 'root', passwordFile: '/run/p' },
  },
  {
    name: 'Consul with what it knows',
    text: 'consul://127.0.0.1:2379?token-file=/t&dc=dc1&ns=n',
    expected: {
      ...SERVER,
      scheme: 'consul',
      name: 'consul',
      tokenFile: '/t',
      datacenter: 'dc1',
      namespace: 'n',
    },
  },
  { name: 'a file', text: 'file:a/b=c.yaml', expected: { scheme: 'file', name: 'file', path: 'a/b=c.yaml' } },
  { name: 'a named file', text: 'x=file:/a', expected: { scheme: 'file', name: 'x', path: '/a' } },
  { name: 'a file URL', text: 'file:///a', expected: { scheme: 'file', name: 'file', path: '/a' } },
];

const BAD: readonly BadRow[] = [
  { name: 'nothing', text: '', expected: ['1: not a URL; write etcd://HOST:PORT or file:PATH'] },
  {
    name: 'a bare host',
    text: 'localhost:2379',
    expected: ['1: not a URL; write etcd://HOST:PORT or file:PATH'],
  },
  {
    name: 'an unknown scheme',
    text: 'etdc://h',
    expected: ["1: 'etdc' is not one of etcd, etcd2, consul, marathon, file (did you mean etcd?)"],
  },
  {
    name: 'a bad name',
    text: '1x=etcd://h',
    expected: ["1: '1x' is not a name (a letter, then letters, digits, _ and -)"],
  },
  {
    name: 'a bad suffix',
    text: 'etcd+ssl://h',
    expected: ["5: '+ssl' is not understood behind the scheme ('+tls' is)"],
  },
  { name: 'no host', text: 'etcd://', expected: ['8: the host is missing'] },
  { name: 'an empty host', text: 'etcd://a,,b', expected: ['10: the host is missing'] },
  {
    name: 'a placeholder',
    text: 'consul://<IP>:8500',
    expected: ["10: '<IP>' is not a host name or address"],
  },
  {
    name: 'a bad address',
    text: 'etcd://10.0.0.256',
    expected: ["8: '10.0.0.256' is not a host name or address"],
  },
  { name: 'a bad port', text: 'etcd://h:0', expected: ["8: '0' is not a port from 1 to 65535"] },
  { name: 'IPv6 in brackets only', text: 'etcd://[h]:1', expected: ["8: 'h' is not an IPv6 address"] },
  {
    name: 'IPv6 without brackets',
    text: 'etcd://fd00::1',
    expected: ["8: ':1' is not a port from 1 to 65535"],
  },
  { name: 'a path', text: 'etcd://h/v2', expected: ['9: a path cannot stand behind the host'] },
  {
    name: 'a password, which is not repeated',
    text: 'etcd://root:hunter2@h',
    expected: ['12: a password cannot stand in the URL, where others can read it; use ?password-file=PATH'],
  },
  {
    name: 'a user without a password',
    text: 'etcd://root@h',
    expected: ['the user has no password; use ?password-file=PATH'],
  },
  {
    name: 'a user of Consul',
    text: 'consul://u@h',
    expected: ['consul knows no users; use ?token-file=PATH'],
  },
  {
    name: 'a password without a user',
    text: 'etcd://h?password-file=/p',
    expected: ["'password-file' needs the user: USER@ before the host"],
  },
  {
    name: 'a token in the URL',
    text: 'consul://h?token=x',
    expected: ['12: a token cannot stand in the URL, where others can read it; use token-file=PATH'],
  },
  {
    name: "another system's key",
    text: 'etcd://h?dc=x',
    expected: ["10: 'dc' is not for etcd (ca, cert, key, password-file)"],
  },
  {
    name: 'an unknown key',
    text: 'etcd+tls://h?cacert=x',
    expected: ["14: 'cacert' is not known (ca, cert, key, password-file)"],
  },
  { name: 'an empty value', text: 'etcd+tls://h?ca', expected: ["14: 'ca' has no value"] },
  { name: 'a broken escape', text: 'etcd+tls://h?ca=%zz', expected: ["14: 'ca' has a broken %-escape"] },
  { name: 'a key twice', text: 'etcd+tls://h?ca=a&ca=b', expected: ["19: 'ca' is given twice"] },
  {
    name: 'files without TLS',
    text: 'etcd://h?ca=a',
    expected: ["'ca' is of use only with '+tls' behind the scheme"],
  },
  { name: 'half a certificate', text: 'etcd+tls://h?cert=a', expected: ["'cert' and 'key' go together"] },
  { name: 'a file without path', text: 'file:', expected: ['6: the path is missing; write file:PATH'] },
  {
    name: 'a file on another host',
    text: 'file://host/a',
    expected: ['6: a host cannot stand before the path; write file:PATH'],
  },
  {
    name: 'everything at once',
    text: 'x y=etcd+ssl://h:0,:1?foo=1&ca=',
    expected: [
      "1: 'x y' is not a name (a letter, then letters, digits, _ and -)",
      "9: '+ssl' is not understood behind the scheme ('+tls' is)",
      "16: '0' is not a port from 1 to 65535",
      '20: the host is missing',
      "23: 'foo' is not known (ca, cert, key, password-file)",
      "29: 'ca' has no value",
    ],
  },
  {
    name: 'too many hosts',
    text: `etcd://${'h,'.repeat(16)}h`,
    expected: ['8: 17 hosts are given, over the limit of 16'],
  },
  { name: 'too long', text: 'e'.repeat(4097), expected: ['longer than 4096 characters'] },
];

describe('parseDiscoveryUrl', () => {
  for (const { name, text, expected } of GOOD) {
    it(`[C7] reads ${name}`, () => {
      assert.deepEqual(parseDiscoveryUrl(text), { ok: true, value: expected });
    });
  }

  for (const { name, text, expected } of BAD) {
    it(`[C7] reports ${name}`, () => {
      const result = parseDiscoveryUrl(text);
      assert.ok(!result.ok);
      const said = result.faults.map(({ column, message }) =>
        column === undefined ? message : `${column}: ${message}`,
      );
      assert.deepEqual(said, expected);
    });
  }

  it('never throws, and points into the text', () => {
    const piece = fc.constantFrom(
      'etcd',
      '+tls',
      '://',
      'file:',
      '@',
      ':',
      ',',
      '?',
      '&',
      '=',
      'ca',
      '%',
      '[',
      ']',
      'h',
    );
    const text = fc.array(fc.oneof(piece, fc.string({ maxLength: 4 })), { maxLength: 12 });
    fc.assert(
      fc.property(text, (pieces) => {
        const result = parseDiscoveryUrl(pieces.join(''));
        if (result.ok) return;
        assert.ok(result.faults.length > 0);
        for (const { column = 1 } of result.faults)
          assert.ok(column >= 1 && column <= pieces.join('').length + 1);
      }),
      { numRuns: 500 },
    );
  });
});

describe('formatDiscoveryUrl', () => {
  const path = fc.string({ minLength: 1 }).filter((text) => !text.startsWith('//') && !text.includes('\0'));
  const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_-]{0,8}$/);
  const host = fc.oneof(fc.domain(), fc.ipV4(), fc.constantFrom('fd00::1', '::1'));
  const port = fc.integer({ min: 1, max: 65_535 }).map((value) => value as Port);
  const tls = fc.oneof(
    fc.constant(undefined),
    fc.record({ ca: fc.option(path, { nil: undefined }), cert: path, key: path }, { noNullPrototype: true }),
  );
  const hosts = fc.uniqueArray(fc.record({ host, port }, { noNullPrototype: true }), {
    minLength: 1,
    maxLength: 4,
    selector: (at) => `${at.host} ${at.port}`,
  });
  const user = fc.stringMatching(/^[a-z @:/?%]+$/);

  it('is read back as the same: servers', () => {
    fc.assert(
      fc.property(name, hosts, tls, user, path, (given, at, files, who, passwordFile) => {
        const url: DiscoveryUrl = { ...SERVER, name: given, hosts: at, tls: files, user: who, passwordFile };
        assert.deepEqual(parseDiscoveryUrl(formatDiscoveryUrl(url)), { ok: true, value: url });
      }),
    );
  });

  it('is read back as the same: files', () => {
    fc.assert(
      fc.property(name, path, (given, at) => {
        const url: DiscoveryUrl = { scheme: 'file', name: given, path: at };
        assert.deepEqual(parseDiscoveryUrl(formatDiscoveryUrl(url)), { ok: true, value: url });
      }),
    );
  });
});
