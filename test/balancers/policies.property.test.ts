import assert from 'node:assert/strict';
import fc from 'fast-check';
import { SeededRandom } from '../../sim/random.ts';
import { LeastConnections } from '../../src/balancers/least-connections.ts';
import { createBalancer } from '../../src/balancers/policies.ts';
import { BALANCES } from '../../src/domain/balance.ts';
import { commands, runCommands, TestTime } from './policy-model.ts';
import type { Balancer } from '../../src/balancers/balancer.ts';
import type { Endpoint } from '../../src/domain/endpoint.ts';
import type { Picker } from '../../src/domain/route.ts';

for (const balance of BALANCES) {
  describe(`the policy ${balance}, whatever happens to it,`, () => {
    it('[C6] picks what it promises and keeps books of nothing else', () => {
      fc.assert(
        fc.property(commands(), fc.nat(), (run, seed) => {
          const time = new TestTime();
          const random = new SeededRandom(seed);
          runCommands(balance, createBalancer(balance, { clock: time, random }), time, run);
        }),
      );
    });
  });
}

describe('the model of the policies', () => {
  it('shrinks what a forgetful least-connections does wrong to the few steps that show it', () => {
    const property = fc.property(commands(), (run) => {
      runCommands('least-connections', new Forgetful(), new TestTime(), run);
    });
    const { failed, counterexample, errorInstance } = fc.check(property, { seed: 1, numRuns: 1_000 });
    assert(failed, 'the model must notice');
    assert.match(String(errorInstance), /never a strictly busier endpoint/);
    const steps = [...(counterexample?.[0] ?? [])].map((step) => step.toString()).join(',');
    assert.equal(steps, 'update e1*1,pick,update e1*1 e2*1,pick');
  });
});

/** A least-connections that opens new books with each new set. */
class Forgetful implements Balancer {
  #inner = new LeastConnections();

  update(endpoints: readonly Endpoint[]): Picker {
    this.#inner = new LeastConnections();
    return this.#inner.update(endpoints);
  }

  slots(): readonly Endpoint[] {
    return this.#inner.slots();
  }
}
