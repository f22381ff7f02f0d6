import assert from 'node:assert/strict';
import { percentile, summarise } from '../../bench/statistics.ts';
import { replaceTable } from '../../bench/table.ts';

describe('summarise', () => {
  it('tells the median and half the range', () => {
    const summary = summarise([5, 1, 3]);
    assert.equal(summary?.median, 3);
  });

  it('has nothing to tell of no round', () => {
    assert.equal(summarise([]), undefined);
  });
});

describe('percentile', () => {
  it('tells below what a part of the values lies', () => {
    assert.deepEqual(
      [0, 0.5, 1].map((part) => percentile([10, 1, 9], part)),
      [1, 9, 10],
    );
  });

  it('has no number to tell of nothing', () => {
    assert(Number.isNaN(percentile([], 0.5)));
  });
});

describe('replaceTable', () => {
  it('replaces what stands between the two lines, and leaves the rest', () => {
    const page = 'before\n<!-- bench:start -->\nold\n<!-- bench:end -->\nafter\n';
    const once = replaceTable(page, ['| a |']);
    assert.equal(once, 'before\n<!-- bench:start -->\n\n| a |\n\n<!-- bench:end -->\nafter\n');
    assert.equal(replaceTable(once, ['| a |']), once);
  });

  it('refuses a page without the two lines', () => {
    assert.throws(() => replaceTable('nothing', []), /needs one line/);
  });
});
