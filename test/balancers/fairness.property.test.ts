import assert from 'node:assert/strict';
import fc from 'fast-check';
import { SimClock } from '../../sim/clock.ts';
import { SeededRandom } from '../../sim/random.ts';
import { createBalancer } from '../../src/balancers/policies.ts';
import { endpointKey } from '../../src/domain/endpoint.ts';
import { address, endpoint } from '../support/endpoints.ts';
import { settle } from '../support/settle.ts';
import type { Endpoint } from '../../src/domain/endpoint.ts';
import type { Picker } from '../../src/domain/route.ts';

const SOURCE = address('172.17.0.2');

/** Picks of one run; the lightest of the weights below still expects more than 15 of them. */
const PICKS = 2_000;

/**
 * The quantile of the normal distribution beyond which lies one in 10^9. A property makes 100 runs, so it
 * fails by chance once in 10^7 times that the tests run.
 */
const Z = 5.998;

const WEIGHTS = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 2, maxLength: 10 });

for (const balance of ['random', 'power-of-two', 'peak-ewma'] as const) {
  describe(`the policy ${balance}, when nothing is busy,`, () => {
    it('is fair by weight, as far as chance tells (chi-square, wrong once in 10^7 runs)', () => {
      fc.assert(
        fc.property(WEIGHTS, fc.nat(), (weights, seed) => {
          const endpoints = weights.map((weight, n) => endpoint(n, { weight }));
          const random = new SeededRandom(seed);
          const balancer = createBalancer(balance, { clock: new SimClock(settle), random });
          const distance = chiSquare(pickedFrom(balancer.update(endpoints)), endpoints);
          assert(distance <= critical(endpoints.length - 1), `chi-square is ${distance}`);
        }),
      );
    });
  });
}

describe('the chi-square of these tests', () => {
  it('is beyond its limit where weights are ignored', () => {
    const endpoints = [1, 2].map((weight, n) => endpoint(n, { weight }));
    const even = new Map(endpoints.map((each) => [endpointKey(each), PICKS / 2]));
    assert(chiSquare(even, endpoints) > critical(1));
  });

  it('has the limits of the tables, or is a little more patient', () => {
    // The approximation errs to this side, most where there are few degrees of freedom.
    for (const [degrees, limit] of [
      [1, 37.32],
      [2, 41.45],
      [9, 60.66],
    ] as const) {
      const seen = critical(degrees);
      assert(seen >= limit && seen <= limit * 1.3, `${degrees}: ${seen}`);
    }
  });
});

function pickedFrom(picker: Picker): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (let n = 0; n < PICKS; n += 1) {
    const pick = picker.pick({ tried: new Set(), source: SOURCE });
    pick?.release();
    const key = pick === undefined ? '' : endpointKey(pick.endpoint);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

/** How far counts are from what weights expect. */
function chiSquare(counts: ReadonlyMap<string, number>, endpoints: readonly Endpoint[]): number {
  const sum = endpoints.reduce((total, { weight }) => total + weight, 0);
  return endpoints.reduce((total, each) => {
    const expected = (PICKS * each.weight) / sum;
    return total + ((counts.get(endpointKey(each)) ?? 0) - expected) ** 2 / expected;
  }, 0);
}

/**
 * What chi-square exceeds once in 10^9.
 *
 * @see Wilson and Hilferty, "The Distribution of Chi-square", PNAS 17(12), 1931.
 */
function critical(degrees: number): number {
  const part = 2 / (9 * degrees);
  return degrees * (1 - part + Z * Math.sqrt(part)) ** 3;
}
