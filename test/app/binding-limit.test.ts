import assert from 'node:assert/strict';
import { BindingLimit } from '../../src/app/binding-limit.ts';
import { bindingId } from '../../src/domain/binding.ts';
import { address, port } from '../support/endpoints.ts';

const [ONE, TWO] = [1, 2].map((n) => bindingId(address(`172.17.0.${n}`), 'tcp', port(80)));

describe('BindingLimit', () => {
  it('admits each binding its own number, and the next when one has ended', () => {
    assert(ONE !== undefined && TWO !== undefined);
    const limit = new BindingLimit(2);
    const leave = limit.admit(ONE);
    assert(leave !== undefined && limit.admit(ONE) !== undefined);
    assert.equal(limit.admit(ONE), undefined);
    assert(limit.admit(TWO) !== undefined);
    leave();
    assert(limit.admit(ONE) !== undefined);
    assert.equal(limit.admit(ONE), undefined);
  });
});
