import assert from 'node:assert/strict';
import fc from 'fast-check';
import { formatTable } from '../../src/cli/table.ts';

const ROWS = [
  ['NAME', 'SERVICE', 'OPEN'],
  ['web-1', '/services/production/frontend', '3'],
  ['db', '/db', '12'],
];

describe('formatTable', () => {
  it('aligns columns', () => {
    assert.deepEqual(formatTable(ROWS, undefined), [
      'NAME   SERVICE                        OPEN',
      'web-1  /services/production/frontend  3',
      'db     /db                            12',
    ]);
  });

  it('cuts the widest column where the terminal is narrow, and says so', () => {
    assert.deepEqual(formatTable(ROWS, 30), [
      'NAME   SERVICE            OPEN',
      'web-1  /services/produc…  3',
      'db     /db                12',
    ]);
  });

  it('cuts nothing for the sake of a last column in which nothing stands', () => {
    assert.deepEqual(formatTable([['_________', '__________', '']], 22), ['_________  __________']);
    assert.deepEqual(formatTable([['', '']], 22), ['']);
  });

  it('fits every width that leaves each column a little, and cuts nothing that fits', () => {
    const cell = fc.string({ maxLength: 30 }).map((text) => text.replace(/\s/g, '_'));
    const rows = fc.array(fc.tuple(cell, cell, cell), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(rows, fc.integer({ min: 22, max: 120 }), (table, columns) => {
        const lines = formatTable(table, columns);
        assert.equal(lines.length, table.length);
        for (const line of lines) assert(Array.from(line).length <= columns, line);
        if (formatTable(table, undefined).every((line) => line.length <= columns)) {
          assert(!lines.join('').includes('…') || table.flat().join('').includes('…'));
        }
      }),
    );
  });
});
