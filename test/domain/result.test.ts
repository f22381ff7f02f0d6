import assert from 'node:assert/strict';
import { BALANCES, parseBalance } from '../../src/domain/balance.ts';
import { formatProblem } from '../../src/domain/result.ts';

describe('formatProblem', () => {
  it('names place, column and what is wrong', () => {
    const problem = { place: 'variable BACKEND_DB', column: 7, message: 'a tag is empty' };
    assert.equal(formatProblem(problem), 'variable BACKEND_DB, column 7: a tag is empty');
  });

  it('leaves out a column that is not known', () => {
    assert.equal(formatProblem({ place: 'endpoints.yaml', message: 'is empty' }), 'endpoints.yaml: is empty');
  });
});

describe('parseBalance', () => {
  it('reads every policy there is', () => {
    for (const balance of BALANCES) assert.deepEqual(parseBalance(balance), { ok: true, value: balance });
  });

  it('names the valid policies when it reads none', () => {
    assert.deepEqual(parseBalance('Round-Robin'), {
      ok: false,
      message: `'Round-Robin' is not a balancing policy (${BALANCES.join(', ')})`,
    });
  });
});
