import assert from 'node:assert/strict';
import { readYaml } from '../../src/domain/read-yaml.ts';
import { formatProblem } from '../../src/domain/result.ts';

const LIMIT = { lengthMax: 100 };

describe('readYaml', () => {
  const bad = [
    { name: 'a text that is too long', text: '#'.repeat(101), says: ['a: longer than 100 characters'] },
    { name: 'what is not YAML', text: 'x: 1\ny: "\n', says: ['a, line 3, column 1: Missing closing "quote'] },
    { name: 'a key given twice', text: 'x: 1\nx: 2', says: ['a, line 2, column 1: Map keys must be unique'] },
  ];
  for (const { name, text, says } of bad) {
    it(`refuses ${name}, and says where`, () => {
      const read = readYaml(text, 'a', LIMIT);
      assert(!read.ok);
      assert.deepEqual(read.problems.map(formatProblem), says);
    });
  }

  it('tells the first five errors', () => {
    const read = readYaml('a: @\n'.repeat(20), 'a', { ...LIMIT, uniqueKeys: false });
    assert(!read.ok);
    assert.deepEqual(
      read.problems.map(({ place }) => place),
      [1, 2, 3, 4, 5].map((line) => `a, line ${line}`),
    );
  });

  it('leaves a key given twice to its reader where asked to', () => {
    assert(readYaml('x: 1\nx: 2', 'a', { ...LIMIT, uniqueKeys: false }).ok);
  });

  it('says where a part stands, on one line of a terminal', () => {
    const read = readYaml('# one\n  x: 1', 'a\nb', LIMIT);
    assert(read.ok);
    const { at, document, lineOf, whole } = read.value;
    assert.equal(formatProblem(whole('wrong')), 'a\\nb: wrong');
    assert.equal(formatProblem(at(document.contents, 'wrong')), 'a\\nb, line 2, column 3: wrong');
    assert.equal(formatProblem(at(undefined, 'wrong')), 'a\\nb, line 1, column 1: wrong');
    assert.deepEqual([lineOf(document.contents), lineOf(null)], [2, 1]);
  });
});
