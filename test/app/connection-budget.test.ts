import assert from 'node:assert/strict';
import { connectionBudget } from '../../src/app/connection-budget.ts';

describe('connectionBudget', () => {
  for (const { name, wished, files, max } of [
    { name: 'as many as wished where there is no limit', wished: 10_000, files: undefined, max: 10_000 },
    { name: 'as many as wished where they fit exactly', wished: 10_000, files: 20_256, max: 10_000 },
    { name: 'those that fit, where one less file is to be had', wished: 10_000, files: 20_255, max: 9_999 },
    { name: 'those that fit into a small limit', wished: 10_000, files: 1_024, max: 384 },
    { name: 'at least one', wished: 10_000, files: 64, max: 1 },
  ]) {
    it(`takes ${name}`, () => {
      const budget = connectionBudget(wished, files);
      assert.equal(budget.maxConnections, max);
      assert.equal(budget.warning === undefined, max === wished);
    });
  }

  it('says what is needed, what there is, what is taken, and what to do', () => {
    assert.equal(
      connectionBudget(10_000, 1_024).warning,
      '--max-connections=10000 needs 20256 open files and this process may have 1024: ' +
        'at most 384 connections are taken at once; ' +
        'raise the limit (ulimit -n, LimitNOFILE=, --ulimit nofile=)',
    );
  });
});
