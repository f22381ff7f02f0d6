import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseConfigFile } from '../../src/cli/config-file.ts';
import { findOption } from '../../src/cli/options.ts';
import { formatProblem } from '../../src/domain/result.ts';

interface BadRow {
  readonly name: string;
  readonly text: string;
  readonly expected: readonly string[];
}

const BAD: readonly BadRow[] = [
  {
    name: 'unknown keys, with the nearest right one',
    text: 'port: 1\nresink: 5\nfrobnicate: 1\n',
    expected: [
      "config file e.yaml, line 2: unknown option 'resink' (did you mean resync?)",
      "config file e.yaml, line 3: unknown option 'frobnicate'",
    ],
  },
  {
    name: 'broken YAML, with line and column',
    text: 'port: 1\nservices: "x\n',
    expected: ['config file e.yaml, line 3, column 1: Missing closing "quote'],
  },
  {
    name: 'the same key twice',
    text: 'port: 1\nport: 2\n',
    expected: ['config file e.yaml, line 2, column 1: Map keys must be unique'],
  },
  {
    name: 'the same option under two names',
    text: 'port: 1\np: 2\n',
    expected: ["config file e.yaml, line 2: 'port' is given twice"],
  },
  {
    name: 'a list where one value goes, and a map',
    text: 'port: [1, 2]\ndiscovery:\n  - file:x\n  - {a: 1}\nprefix: {a: 1}\n',
    expected: [
      'config file e.yaml, line 1, port: takes one value, not a list',
      'config file e.yaml, line 2, discovery: takes a plain value',
      'config file e.yaml, line 5, prefix: takes a plain value',
    ],
  },
  {
    name: 'another config file',
    text: 'config: y',
    expected: ["config file e.yaml, line 1: 'config' cannot stand in a config file"],
  },
  {
    name: 'a key that is no name',
    text: '[1]: 2',
    expected: ['config file e.yaml, line 1: a key is not the name of an option'],
  },
  {
    name: 'something else than a map',
    text: '- port: 1',
    expected: ['config file e.yaml: not a YAML map; write lines like "port: 9999"'],
  },
  {
    name: 'a huge file',
    text: '#'.repeat(1_048_577),
    expected: ['config file e.yaml: longer than 1048576 characters'],
  },
];

describe('parseConfigFile', () => {
  it('reads names, aliases, lists and plain values as they are written', () => {
    const list = 'virtual-ip:\n  - 10.0.0.1\n  - fd00::1\n';
    const text = `p: 80\ndnat: true\nlisten:\nresync: "2m"\n${list}services: 010\n`;
    const result = parseConfigFile(text, 'e.yaml');
    assert.deepEqual(result.problems, []);
    const values = [...result.values].map(([name, given]) => [name, given.map((value) => value.text)]);
    assert.deepEqual(values, [
      ['port', ['80']],
      ['dnat', ['true']],
      ['listen', []],
      ['resync', ['2m']],
      ['virtual-ip', ['10.0.0.1', 'fd00::1']],
      ['services', ['010']],
    ]);
  });

  it('says where each value stands', () => {
    const result = parseConfigFile('# ours\nvirtual-ip:\n  - 10.0.0.1\n  - fd00::1\n', 'e.yaml');
    assert.deepEqual(
      result.values.get('virtual-ip')?.map((value) => value.place),
      ['config file e.yaml, line 3, virtual-ip', 'config file e.yaml, line 4, virtual-ip'],
    );
  });

  for (const text of ['', '# nothing yet\n', '---\n', '~']) {
    it(`takes a file without content: ${JSON.stringify(text)}`, () => {
      assert.deepEqual(parseConfigFile(text, 'e.yaml'), { values: new Map(), problems: [] });
    });
  }

  for (const { name, text, expected } of BAD) {
    it(`reports ${name}`, () => {
      const result = parseConfigFile(text, 'e.yaml');
      assert.deepEqual(result.problems.map(formatProblem), expected);
    });
  }

  it('never throws', () => {
    const piece = fc.constantFrom(
      'port',
      ':',
      ' ',
      '\n',
      '-',
      '[',
      '{',
      '&a',
      '*a',
      '"',
      '!!x',
      '|',
      '#',
      '1',
      '<<',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
        const { values, problems } = parseConfigFile(pieces.join(''), 'e.yaml');
        for (const name of values.keys()) assert.equal(findOption(name)?.name, name);
        for (const problem of problems) assert.ok(formatProblem(problem).startsWith('config file e.yaml'));
      }),
      { numRuns: 500 },
    );
  });
});
