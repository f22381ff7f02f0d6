import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseDocument } from '../../src/domain/endpoint-document.ts';

const ORIGINAL = {
  id: '6b06da408f97',
  host: 'machine-1',
  ipaddress: '10.0.0.1',
  env: { SECRET: 'hunter2' },
  tags: ['prod', 'app1'],
  name: 'frontend_http',
  image: 'apache',
  hostname: 'web-1',
  host_port: '49161',
  proto: 'tcp',
  port: '80',
  path: '/services/prod/apache',
};

const without = (field: string): unknown => {
  return Object.fromEntries(Object.entries(ORIGINAL).filter(([name]) => name !== field));
};

const GOOD: readonly { name: string; value: unknown; at: readonly unknown[] }[] = [
  { name: 'the original layout', value: ORIGINAL, at: ['10.0.0.1', 49161, 1, ['prod', 'app1']] },
  {
    name: 'its port without a host port',
    value: without('host_port'),
    at: ['10.0.0.1', 80, 1, ['prod', 'app1']],
  },
  {
    name: 'an empty host port',
    value: { ...ORIGINAL, host_port: '' },
    at: ['10.0.0.1', 80, 1, ['prod', 'app1']],
  },
  {
    name: 'a number as port',
    value: { ipaddress: '10.0.0.1', port: 80 },
    at: ['10.0.0.1', 80, 1, undefined],
  },
  {
    name: 'no tags at all',
    value: { ipaddress: '::1', port: 80, tags: null },
    at: ['::1', 80, 1, undefined],
  },
  {
    name: 'SmartStack',
    value: { host: '10.0.0.2', port: 81, name: 'i-1', weight: 7 },
    at: ['10.0.0.2', 81, 7, undefined],
  },
  { name: 'registrator', value: '10.0.0.3:8080', at: ['10.0.0.3', 8080, 1, undefined] },
  { name: 'registrator with a line break', value: '10.0.0.3:8080\n', at: ['10.0.0.3', 8080, 1, undefined] },
  { name: 'registrator with IPv6', value: '[fd00::1]:80', at: ['fd00::1', 80, 1, undefined] },
  { name: 'a host name [C7]', value: 'Web-1.example.net:80', at: ['web-1.example.net', 80, 1, undefined] },
  { name: 'a host name in JSON', value: { host: 'web-1', port: 80 }, at: ['web-1', 80, 1, undefined] },
  { name: 'the highest port [D09]', value: '10.0.0.3:65535', at: ['10.0.0.3', 65535, 1, undefined] },
];

const BAD: readonly { name: string; value: unknown; says: readonly string[] }[] = [
  { name: 'nothing', value: '', says: ['the document is empty'] },
  { name: 'broken JSON', value: '{"ipaddress": x}', says: ['is not valid JSON'] },
  { name: 'a list', value: ['10.0.0.1:80'], says: ['not an endpoint'] },
  {
    name: 'an object of another shape',
    value: { addr: '10.0.0.1' },
    says: ["neither 'ipaddress' nor 'host'"],
  },
  { name: 'no port', value: { ipaddress: '10.0.0.1' }, says: ["neither 'host_port' nor 'port'"] },
  { name: 'a port out of range', value: '10.0.0.1:70000', says: ["'70000' is not a port"] },
  {
    name: 'two faults',
    value: { ipaddress: '10.0.0.256', port: 0 },
    says: ["'10.0.0.256' is neither", "'0' is not a port"],
  },
  { name: 'a negative weight', value: { host: '10.0.0.1', port: 80, weight: -1 }, says: ['weight: '] },
  { name: 'tags that are no texts', value: { host: '10.0.0.1', port: 80, tags: [1] }, says: ['tags.0: '] },
];

const OPTIONS = { key: '/prod/web/a', place: 'etcd key /prod/web/a' };
const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

describe('parseDocument', () => {
  for (const row of GOOD) {
    it(`reads ${row.name}`, () => {
      const parsed = parseDocument(textOf(row.value), OPTIONS);
      assert.ok(parsed.ok, JSON.stringify(parsed));
      const { id, address, port, weight, tags } = parsed.value;
      assert.equal(id, OPTIONS.key);
      assert.deepEqual([address, port, weight, tags], row.at);
    });
  }

  for (const row of BAD) {
    it(`reports ${row.name}, naming the key`, () => {
      const parsed = parseDocument(textOf(row.value), OPTIONS);
      assert.ok(!parsed.ok, JSON.stringify(parsed));
      assert.equal(parsed.problems.length, row.says.length);
      for (const [index, problem] of parsed.problems.entries()) {
        assert.equal(problem.place, OPTIONS.place);
        assert.ok(problem.message.includes(row.says[index] ?? ''), problem.message);
      }
    });
  }

  it('never repeats a document with secrets', () => {
    const broken = JSON.stringify(ORIGINAL).replace('"proto"', 'proto');
    const parsed = parseDocument(broken, OPTIONS);
    assert.ok(!parsed.ok);
    assert.ok(!JSON.stringify(parsed).includes('hunter2'));
  });

  it('never throws, and never gives what no endpoint can be', () => {
    const texts = fc.oneof(
      fc.string(),
      fc.json(),
      fc.object().map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const parsed = parseDocument(text, OPTIONS);
        if (parsed.ok) assert.ok(parsed.value.port >= 1 && parsed.value.port <= 65_535);
        else assert.ok(parsed.problems.length > 0);
      }),
    );
  });
});
