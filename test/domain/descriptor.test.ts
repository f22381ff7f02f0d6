import assert from 'node:assert/strict';
import fc from 'fast-check';
import { BALANCES } from '../../src/domain/balance.ts';
import { formatDescriptor, parseDescriptor, splitDescriptors } from '../../src/domain/descriptor.ts';
import type { DescriptorRules } from '../../src/domain/descriptor.ts';

const ETCD: DescriptorRules = { discoveries: [{ name: 'etcd', wildcards: true }], udp: false };
const FILE: DescriptorRules = { discoveries: [{ name: 'file', wildcards: false }], udp: false };
const EVERYTHING: DescriptorRules = { discoveries: [{ name: 'etcd', wildcards: true }], udp: true };

const PLACE = 'container web-1, variable BACKEND_DB';

const READ: readonly {
  readonly name: string;
  readonly text: string;
  readonly rules?: DescriptorRules;
  readonly is: object;
}[] = [
  { name: 'reads service and port', text: '/prod/redis;6379', is: { service: '/prod/redis', port: 6379 } },
  {
    name: '[D08] reads several tags',
    text: 'web[prod,app1];80',
    is: { service: 'web', tags: ['app1', 'prod'] },
  },
  { name: 'reads one tag', text: 'web[prod];80', is: { tags: ['prod'] } },
  { name: 'reads empty brackets as no tag', text: 'web[];80', is: { tags: [] } },
  { name: 'takes a tag once', text: 'web[a,b,a];80', is: { tags: ['a', 'b'] } },
  { name: 'drops space around tags', text: 'web[ a , b ];80', is: { tags: ['a', 'b'] } },
  { name: 'reads a semicolon within brackets as part of a tag', text: 'web[a;b];80', is: { tags: ['a;b'] } },
  {
    name: 'reads Marathon labels',
    text: '/app/80[tier:web];80',
    is: { service: '/app/80', tags: ['tier:web'] },
  },
  { name: '[D09] reads the highest port', text: 'web;65535', is: { port: 65_535 } },
  { name: 'reads tcp by name', text: 'web;80/tcp', is: { protocol: 'tcp' } },
  { name: 'reads udp where it is carried', text: 'dns;53/udp', rules: EVERYTHING, is: { protocol: 'udp' } },
  { name: 'reads a policy', text: 'web;80;balance=least-connections', is: { balance: 'least-connections' } },
  { name: 'reads which discovery is to be asked', text: 'web;80;from=file', is: { from: 'file' } },
  { name: '[P31] reads a PROXY protocol', text: 'web;80;proxy-protocol=v2', is: { proxyProtocol: 'v2' } },
  {
    name: 'reads that the source is to be kept, where the kernel carries',
    text: 'web;80;source=keep',
    rules: EVERYTHING,
    is: { source: 'keep' },
  },
  { name: 'leaves the policy open', text: 'web;80', is: { balance: undefined, protocol: 'tcp', tags: [] } },
  { name: 'drops space around', text: '  web;80\n', is: { service: 'web', port: 80 } },
  { name: 'reads a wildcard for etcd', text: '/prod/*/db;80', rules: ETCD, is: { service: '/prod/*/db' } },
];

const REFUSED: readonly {
  readonly name: string;
  readonly text: string;
  readonly rules?: DescriptorRules;
  readonly says: readonly string[];
}[] = [
  { name: 'no port', text: 'web', says: ["column 4: ';' and a port must follow the service name"] },
  {
    name: 'no port behind tags',
    text: 'web[a]',
    says: ["column 7: ';' and a port must follow the service name"],
  },
  { name: 'no service', text: ';80', says: ['column 1: the service name is empty'] },
  {
    name: 'nothing at all',
    text: '',
    says: ['column 1: the service name is empty', "column 1: ';' and a port must follow"],
  },
  { name: 'port 0', text: 'web;0', says: ["column 5: '0' is not a port from 1 to 65535"] },
  { name: 'port 65536', text: 'web;65536', says: ["column 5: '65536' is not a port from 1 to 65535"] },
  { name: 'a port that is a word', text: 'web;http', says: ["column 5: 'http' is not a port"] },
  { name: 'an empty port', text: 'web;', says: ["column 5: '' is not a port"] },
  {
    name: 'udp without a proxier for it',
    text: 'dns;53/udp',
    says: ['column 7: udp is not supported by this proxier'],
  },
  { name: 'another protocol', text: 'dns;53/sctp', says: ["column 7: '/sctp' is not a protocol"] },
  {
    name: 'a wildcard elsewhere than in etcd',
    text: '/p/*;80',
    says: ["column 4: '*' is understood by etcd only"],
  },
  { name: 'an open bracket', text: 'web[a;80', says: ["column 4: '[' has no closing ']'"] },
  { name: 'an empty tag', text: 'web[a,,b];80', says: ['column 7: a tag is empty'] },
  {
    name: 'text behind the tags',
    text: 'web[a]x;80',
    says: ["column 7: ';' and a port must follow the tags"],
  },
  { name: 'a comma in the name', text: 'web,db;80', says: ["column 4: ',' cannot stand in a service name"] },
  {
    name: 'several things at once',
    text: ' we b[a,];99999/x;colour=red',
    says: [
      "column 4: ' ' cannot stand in a service name",
      'column 9: a tag is empty',
      "column 11: '99999' is not a port",
      "column 16: '/x' is not a protocol",
      "column 19: unknown key 'colour'",
    ],
  },
];

const REPORTED: readonly { readonly name: string; readonly text: string; readonly says: string }[] = [
  {
    name: 'an unknown key',
    text: 'web;80;colour=red',
    says:
      "column 8: unknown key 'colour' " +
      '(known: balance, check, from, proxier, proxy-protocol, source); ignored',
  },
  {
    name: 'a version of the PROXY protocol that there is not',
    text: 'web;80;proxy-protocol=v3',
    says: "column 23: 'v3' is not one of v1, v2; ignored",
  },
  {
    name: 'a source that is to be kept where nobody can',
    text: 'web;80;source=keep',
    says: "column 8: 'source=keep' needs the kernel as data plane",
  },
  { name: 'another word for it', text: 'web;80;source=hide', says: "column 15: 'hide' is not one of keep" },
  {
    name: 'a bad policy',
    text: 'web;80;balance=fast',
    says: "column 16: 'fast' is not a balancing policy (round-robin, ",
  },
  { name: 'a key without a value', text: 'web;80;balance', says: "column 8: '' is not a balancing policy" },
  {
    name: 'a key given twice',
    text: 'web;80;balance=round-robin;balance=x',
    says: "column 28: 'balance' is given twice",
  },
];

describe('parseDescriptor', () => {
  for (const { name, text, rules = FILE, is } of READ) {
    it(`[C1] ${name}`, () => {
      const result = parseDescriptor(text, PLACE, rules);
      assert(result.ok, JSON.stringify(result.problems));
      assert.deepEqual(result.problems, []);
      assert.deepEqual({ ...result.value, ...is }, result.value);
    });
  }

  for (const { name, text, rules = FILE, says } of REFUSED) {
    it(`[C1] [P10] refuses ${name} and says where`, () => {
      const result = parseDescriptor(text, PLACE, rules);
      assert(!result.ok, 'it must be refused');
      const said = result.problems.map(({ column, message }) => `column ${column ?? 'unknown'}: ${message}`);
      assert.equal(said.length, says.length, said.join('\n'));
      for (const [index, words] of says.entries()) assert(said[index]?.startsWith(words), said[index]);
      for (const { place } of result.problems) assert.equal(place, PLACE);
    });
  }

  for (const { name, text, says } of REPORTED) {
    it(`[C1] reports ${name}, and honours the rest`, () => {
      const result = parseDescriptor(text, PLACE, FILE);
      assert(result.ok, 'it must not stop the valid part');
      assert.equal(result.value.port, 80);
      const said = result.problems.map(({ column, message }) => `column ${column ?? 'unknown'}: ${message}`);
      assert.equal(said.length, 1);
      assert(said[0]?.startsWith(says), said[0]);
    });
  }

  it('[C1] refuses a discovery that there is not: another one may mean another service', () => {
    const result = parseDescriptor('web;80;from=main', PLACE, FILE);
    assert.deepEqual(result, {
      ok: false,
      problems: [{ place: PLACE, column: 13, message: "no discovery is called 'main' (there are: file)" }],
    });
  });

  it('[C1] takes a pattern only for a discovery that understands it', () => {
    const rules = { discoveries: [...ETCD.discoveries, ...FILE.discoveries], udp: false };
    assert(parseDescriptor('/a/*;80', PLACE, rules).ok);
    assert(parseDescriptor('/a/*;80;from=etcd', PLACE, rules).ok);
    const refused = parseDescriptor('/a/*;80;from=file', PLACE, rules);
    assert.deepEqual(refused.problems, [
      { place: PLACE, column: 4, message: "'*' is understood by etcd only" },
    ]);
  });

  it('sends no PROXY header before datagrams, and says so', () => {
    const result = parseDescriptor('dns;53/udp;proxy-protocol=v2', PLACE, EVERYTHING);
    assert(result.ok);
    assert.equal(result.value.proxyProtocol, undefined);
    const message = "'proxy-protocol' is for tcp; ignored";
    assert.deepEqual(result.problems, [{ place: PLACE, column: 12, message }]);
  });

  it('keeps no source where nobody can, so that no other part takes it for kept', () => {
    const result = parseDescriptor('web;80;source=keep', PLACE, FILE);
    assert(result.ok);
    assert.equal(result.value.source, undefined);
  });

  it('uses the first of a key that is given twice', () => {
    const result = parseDescriptor('web;80;balance=least-connections;balance=round-robin', PLACE, FILE);
    assert(result.ok);
    assert.equal(result.value.balance, 'least-connections');
  });

  it('bounds what it reads, and says where the long text begins', () => {
    const result = parseDescriptor(`web;80;${'x'.repeat(5_000)}`, PLACE, FILE, 20);
    assert(!result.ok);
    assert.deepEqual(result.problems, [{ place: PLACE, column: 21, message: 'longer than 4096 characters' }]);
  });

  it('counts columns from the beginning of a longer text', () => {
    const list = 'web;80, db;0';
    const [, second] = splitDescriptors(list);
    assert(second !== undefined);
    const result = parseDescriptor(second.text, PLACE, FILE, second.offset);
    assert.deepEqual(
      result.problems.map(({ column }) => column),
      [list.lastIndexOf('0') + 1],
    );
  });

  it('never throws, and every column is within the text or just behind it', () => {
    const nearly = fc.stringMatching(/^[ab/*,;=[\] ]{0,8}(;[0-9]{0,6}(\/[a-z]{0,3})?)?(;[a-c]?=?[a-c]?)*$/);
    const rules = fc.record({
      discoveries: fc.constantFrom(ETCD.discoveries, FILE.discoveries),
      udp: fc.boolean(),
    });
    const offsets = fc.nat({ max: 100 });
    fc.assert(
      fc.property(fc.oneof(fc.string(), nearly), rules, offsets, (text, rule, offset) => {
        const result = parseDescriptor(text, PLACE, rule, offset);
        if (!result.ok) assert(result.problems.length > 0, 'a refusal must have a reason');
        for (const { column = -1 } of result.problems) {
          assert(column > offset && column <= offset + text.length + 1, `column ${column}`);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it('reads what formatDescriptor writes', () => {
    const segments = fc.oneof(fc.stringMatching(/^[A-Za-z0-9._-]{1,8}$/), fc.constant('*'));
    const texts = fc.record({
      service: fc.array(segments, { minLength: 1, maxLength: 4 }).map((parts) => `/${parts.join('/')}`),
      tags: fc.array(fc.stringMatching(/^[A-Za-z0-9:;=.é-]{1,8}$/), { maxLength: 4 }),
      port: fc.integer({ min: 1, max: 65_535 }),
      protocol: fc.constantFrom('', '/tcp', '/udp'),
      balance: fc.constantFrom('', ...BALANCES.map((balance) => `;balance=${balance}`)),
      from: fc.constantFrom('', ';from=etcd'),
      proxied: fc.constantFrom('', ';proxy-protocol=v1', ';proxy-protocol=v2'),
      source: fc.constantFrom('', ';source=keep'),
    });
    fc.assert(
      fc.property(texts, (parts) => {
        const tags = parts.tags.length === 0 ? '' : `[${parts.tags.join(',')}]`;
        const proxied = parts.protocol === '/udp' ? '' : parts.proxied;
        const keys = `${parts.balance}${parts.from}${proxied}${parts.source}`;
        const text = `${parts.service}${tags};${parts.port}${parts.protocol}${keys}`;
        const result = parseDescriptor(text, PLACE, EVERYTHING);
        assert(result.ok, text);
        assert.deepEqual(result.problems, []);
        assert.deepEqual(parseDescriptor(formatDescriptor(result.value), PLACE, EVERYTHING), result);
      }),
    );
  });
});

describe('splitDescriptors', () => {
  for (const { name, text, is } of [
    { name: 'splits at commas', text: 'a;1,b;2', is: ['a;1', 'b;2'] },
    { name: 'leaves the commas of tags', text: 'a[x,y];1,b[z];2', is: ['a[x,y];1', 'b[z];2'] },
    { name: 'leaves out empty parts', text: ',a;1,, ,b;2,', is: ['a;1', 'b;2'] },
    { name: 'gives nothing for an empty text', text: '', is: [] },
    { name: 'loses nothing behind a bracket without an end', text: 'a[x;1,b;2', is: ['a[x;1', 'b;2'] },
    { name: 'tells such a bracket by the next one', text: 'a[x;1,b[y];2', is: ['a[x;1', 'b[y];2'] },
  ]) {
    it(`[C1] ${name}`, () => {
      assert.deepEqual(
        splitDescriptors(text).map((part) => part.text),
        is,
      );
    });
  }

  it('gives parts that stand in the text at their offsets, in order', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[ab,;[\] ]{0,20}$/), (text) => {
        let end = 0;
        for (const part of splitDescriptors(text)) {
          assert(part.offset >= end, 'parts must not overlap');
          assert.equal(text.slice(part.offset, part.offset + part.text.length), part.text);
          end = part.offset + part.text.length;
        }
      }),
    );
  });
});
