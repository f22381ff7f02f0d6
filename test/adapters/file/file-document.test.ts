import assert from 'node:assert/strict';
import fc from 'fast-check';
import { formatProblem } from '../../../src/domain/result.ts';
import { parseFile } from '../../../src/adapters/file/file-document.ts';
import { service } from '../../support/discovery-view.ts';

const PATH = 'endpoints.yaml';
const IP = '/a:\n  - ';

/** Texts of which one entry is bad; `10.0.0.9:9` is always good. */
const BAD_ENTRIES: readonly { name: string; entry: string; says: string }[] = [
  { name: 'no port', entry: '10.0.0.1', says: "line 2, column 5: '10.0.0.1' is not an endpoint" },
  { name: 'a port out of range', entry: '10.0.0.1:70000', says: "line 2, column 5: '70000' is not a port" },
  {
    name: 'what is neither an address nor a host name',
    entry: '10.0.0.256:80',
    says: "line 2, column 5: '10.0.0.256' is neither an IP address nor a host name",
  },
  { name: 'a bare IPv6 address', entry: '"fd00::1:80"', says: 'an IPv6 address stands in brackets' },
  { name: 'a number', entry: '80', says: 'line 2, column 5: not an endpoint' },
  { name: 'an unknown key', entry: '{address: 10.0.0.1, port: 80, wieght: 2}', says: 'wieght' },
  {
    name: 'a bad port in the long form',
    entry: '{address: 10.0.0.1, port: 0}',
    says: "line 2, column 31: '0' is not",
  },
  {
    name: 'a weight that is none',
    entry: '{address: 10.0.0.1, port: 80, weight: -1}',
    says: 'line 2, column 43: weight: ',
  },
  {
    name: 'an endpoint given twice',
    entry: '10.0.0.9:9',
    says: 'line 3, column 5: 10.0.0.9:9 is given twice',
  },
  { name: 'an alias of nothing', entry: '*nobody', says: 'line 2, column 5: not an endpoint' },
  {
    name: 'an alias of nothing within an entry',
    entry: '{address: *nobody, port: 80}',
    says: 'line 2, column 5: not an endpoint',
  },
];

const BROKEN: readonly { name: string; text: string; says: string }[] = [
  { name: 'an open bracket', text: '/a: [10.0.0.1:80\n/b: []\n', says: `${PATH}, line 2, column 1: ` },
  { name: 'broken JSON', text: '{"/a": ["10.0.0.1:80"]\n', says: `${PATH}, line 2, column 1: ` },
  { name: 'nothing, as while an editor writes', text: '', says: 'the file is empty' },
  { name: 'a list', text: '- 10.0.0.1:80\n', says: `${PATH}, line 1, column 1: must be a map` },
  { name: 'a service given twice', text: '/a: []\n/a: []\n', says: `${PATH}, line 2, column 1: ` },
];

describe('parseFile', () => {
  it('reads both forms, in YAML', () => {
    const text = '/a:\n  - 10.0.0.1:80\n  - {address: fd00::1, port: 81, weight: 3, tags: [x]}\n/b:\n';
    const parsed = parseFile(text, PATH);
    assert.ok(parsed.ok);
    const a = parsed.value.services.get(service('/a'));
    assert.deepEqual(
      a?.endpoints?.map((e) => [e.id, e.weight, e.tags]),
      [
        ['10.0.0.1:80', 1, undefined],
        ['[fd00::1]:81', 3, ['x']],
      ],
    );
    assert.deepEqual(parsed.value.services.get(service('/b')), { endpoints: [], problems: [] });
  });

  it('reads JSON, indented by tabs too', () => {
    const parsed = parseFile('{\n\t"/a": [\n\t\t"10.0.0.1:80"\n\t]\n}\n', PATH);
    assert.ok(parsed.ok);
    assert.equal(parsed.value.services.get(service('/a'))?.endpoints?.length, 1);
  });

  it('[C7] reads host names in both forms', () => {
    const parsed = parseFile('/a: ["web-1:80", {address: DB.example.net, port: 81}]\n', PATH);
    assert.ok(parsed.ok);
    assert.deepEqual(
      parsed.value.services.get(service('/a'))?.endpoints?.map(({ address, port }) => [address, port]),
      [
        ['db.example.net', 81],
        ['web-1', 80],
      ],
    );
  });

  it('reads a list shared by an alias', () => {
    const parsed = parseFile('/a: &l [10.0.0.1:80]\n/b: *l\n', PATH);
    assert.ok(parsed.ok);
    assert.equal(parsed.value.services.get(service('/b'))?.endpoints?.length, 1);
  });

  for (const row of BAD_ENTRIES) {
    it(`reports ${row.name} with its line, and keeps the other entry`, () => {
      const parsed = parseFile(`${IP}${row.entry}\n  - 10.0.0.9:9\n`, PATH);
      assert.ok(parsed.ok);
      const a = parsed.value.services.get(service('/a'));
      assert.deepEqual(
        a?.endpoints?.map(({ id }) => id),
        ['10.0.0.9:9'],
      );
      assert.equal(a.problems.length, 1);
      const [said] = a.problems.map(formatProblem);
      assert.ok(said?.includes(row.says), said);
    });
  }

  it('reports a bad service name, and keeps the other service', () => {
    const parsed = parseFile('"/a b": []\n/b: [10.0.0.1:80]\n', PATH);
    assert.ok(parsed.ok);
    assert.deepEqual([...parsed.value.services.keys()], ['/b']);
    assert.match(parsed.value.problems.map(formatProblem).join(), /line 1, column 1: ' ' cannot stand/);
  });

  it('reports a key that is no name, and keeps the other service', () => {
    const parsed = parseFile('? [/a, /c]\n: [10.0.0.2:80]\n/b: [10.0.0.1:80]\n', PATH);
    assert.ok(parsed.ok);
    assert.deepEqual([...parsed.value.services.keys()], ['/b']);
    assert.deepEqual(parsed.value.problems.map(formatProblem), [
      `${PATH}, line 1, column 3: not the name of a service`,
    ]);
  });

  it('does not take a service that is no list for an empty one', () => {
    const parsed = parseFile('/a: 10.0.0.1:80\n', PATH);
    assert.ok(parsed.ok);
    assert.equal(parsed.value.services.get(service('/a'))?.endpoints, undefined);
  });

  for (const row of BROKEN) {
    it(`gives no content for ${row.name}`, () => {
      const parsed = parseFile(row.text, PATH);
      assert.ok(!parsed.ok);
      assert.ok(parsed.problems.map(formatProblem).join().includes(row.says), JSON.stringify(parsed));
    });
  }

  it('never throws', () => {
    const values = fc.oneof(fc.string(), fc.json());
    fc.assert(fc.property(values, (text) => typeof parseFile(text, PATH).ok === 'boolean'));
  });
});
