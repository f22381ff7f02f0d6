import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Maglev } from '../../src/balancers/maglev.ts';
import { endpoint } from '../support/endpoints.ts';
import type { Endpoint } from '../../src/domain/endpoint.ts';

/** The part of the other endpoints' slots that may move when one comes or goes. */
const DISRUPTION_MAX = 0.3;

const COUNT = fc.integer({ min: 2, max: 60 });

describe('Maglev', () => {
  it('gives endpoints of equal weight slots that differ by one at most', () => {
    fc.assert(
      fc.property(COUNT, fc.nat(1_000), (count, first) => {
        const slots = slotsOf(new Maglev(), some(count, first));
        const counts = [...tally(slots).values()];
        assert.equal(counts.length, count);
        assert(Math.max(...counts) - Math.min(...counts) <= 1);
      }),
      { numRuns: 50 },
    );
  });

  it('gives each endpoint its share of the slots by weight, give or take some', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 2, maxLength: 20 }), (weights) => {
        const endpoints = weights.map((weight, n) => endpoint(n, { weight }));
        const slots = slotsOf(new Maglev(), endpoints);
        const counts = tally(slots);
        const sum = weights.reduce((total, weight) => total + weight, 0);
        for (const { id, weight } of endpoints) {
          const share = (slots.length * weight) / sum;
          // A share is rounded down in each endpoint's last round, and somebody gets what is left over.
          const slack = 2 + (weights.length * weight) / sum;
          assert(
            Math.abs((counts.get(id) ?? 0) - share) <= slack,
            `${id}: ${counts.get(id) ?? 0} of ${share}`,
          );
        }
      }),
      { numRuns: 50 },
    );
  });

  it('moves few slots of those that stay when one of them comes or goes', () => {
    fc.assert(
      fc.property(COUNT, fc.nat(1_000), fc.nat(), (count, first, which) => {
        const all = some(count, first);
        const gone = all[which % count];
        const balancer = new Maglev();
        const before = slotsOf(balancer, all);
        const after = slotsOf(
          balancer,
          all.filter((each) => each !== gone),
        );
        let [others, moved] = [0, 0];
        for (const [index, id] of before.entries()) {
          if (id === gone?.id) continue;
          others += 1;
          if (after[index] !== id) moved += 1;
        }
        assert(moved <= others * DISRUPTION_MAX, `${moved} of ${others} moved`);
        assert.deepEqual(slotsOf(balancer, all), before, 'who returns has its slots again');
      }),
      { numRuns: 50 },
    );
  });
});

function some(count: number, first: number): readonly Endpoint[] {
  return Array.from({ length: count }, (_, n) => endpoint(first + n));
}

function slotsOf(balancer: Maglev, endpoints: readonly Endpoint[]): readonly string[] {
  balancer.update(endpoints);
  return balancer.slots().map(({ id }) => id);
}

function tally(ids: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}
