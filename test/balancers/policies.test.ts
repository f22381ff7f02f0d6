import assert from 'node:assert/strict';
import fc from 'fast-check';
import { SimClock } from '../../sim/clock.ts';
import { SeededRandom } from '../../sim/random.ts';
import { createBalancer } from '../../src/balancers/policies.ts';
import { BALANCES } from '../../src/domain/balance.ts';
import { endpointKey } from '../../src/domain/endpoint.ts';
import { address, endpoint } from '../support/endpoints.ts';
import { settle } from '../support/settle.ts';
import type { Balance } from '../../src/domain/balance.ts';
import type { Balancer } from '../../src/balancers/balancer.ts';
import type { IpAddress } from '../../src/domain/address.ts';
import type { Endpoint } from '../../src/domain/endpoint.ts';

const SOURCE = address('172.17.0.2');

function create(balance: Balance, seed = 1): Balancer {
  return createBalancer(balance, { clock: new SimClock(settle), random: new SeededRandom(seed) });
}

function sources(count: number): readonly IpAddress[] {
  return Array.from({ length: count }, (_, n) => address(`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`));
}

/** How often each endpoint is picked, by id; each pick is given back at once. */
function shares(balancer: Balancer, endpoints: readonly Endpoint[], rounds: number): Map<string, number> {
  const picker = balancer.update(endpoints);
  const counts = new Map<string, number>();
  for (const source of sources(rounds)) {
    const pick = picker.pick({ tried: new Set(), source });
    pick?.release();
    if (pick !== undefined) counts.set(pick.endpoint.id, (counts.get(pick.endpoint.id) ?? 0) + 1);
  }
  return counts;
}

for (const balance of BALANCES) {
  describe(`the policy ${balance}`, () => {
    it('picks every endpoint once before it has nothing more to give', () => {
      const weights = fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 8 });
      fc.assert(
        fc.property(weights, fc.nat(), (given, seed) => {
          const endpoints = given.map((weight, n) => endpoint(n, { weight }));
          const picker = create(balance, seed).update(endpoints);
          const tried = new Set<string>();
          for (;;) {
            const pick = picker.pick({ tried, source: SOURCE });
            if (pick === undefined) break;
            assert(!tried.has(endpointKey(pick.endpoint)), 'no endpoint is tried twice');
            tried.add(endpointKey(pick.endpoint));
          }
          const eligible = endpoints.filter(({ weight }) => weight > 0).map(endpointKey);
          assert.deepEqual([...tried].sort(), [...eligible].sort());
        }),
      );
    });

    it('lays out a turn in which each endpoint has its share, and none that has no weight', () => {
      const balancer = create(balance);
      balancer.update([endpoint(0, { weight: 2 }), endpoint(1, { weight: 0 }), endpoint(2, { weight: 6 })]);
      const slots = balancer.slots();
      const count = (id: string): number => slots.filter((slot) => slot.id === id).length;
      assert.equal(count('e1'), 0);
      const part = count('e0') / slots.length;
      assert(Math.abs(part - 0.25) < 0.002, `a quarter, not ${part}`);
      balancer.update([]);
      assert.deepEqual(balancer.slots(), []);
    });

    // Least connections shares idle endpoints out in turn; weights tell under load alone.
    if (balance === 'least-connections') return;
    it('gives each endpoint its share of many connections', () => {
      const endpoints = [1, 2, 5].map((weight, n) => endpoint(n, { weight }));
      const counts = shares(create(balance), endpoints, 8_000);
      // 6 standard deviations off are rarer than 1 in 10^8, and the hash of maglev is as even.
      for (const [id, expected] of [
        ['e0', 1_000],
        ['e1', 2_000],
        ['e2', 5_000],
      ] as const) {
        const deviation = Math.sqrt(8_000 * (expected / 8_000) * (1 - expected / 8_000));
        const seen = counts.get(id) ?? 0;
        assert(Math.abs(seen - expected) <= 6 * deviation, `${id}: ${seen} of ${expected}`);
      }
    });
  });
}

describe('the policy power-of-two', () => {
  it('leaves no endpoint far busier than the others', () => {
    const endpoints = Array.from({ length: 20 }, (_, n) => endpoint(n));
    const busiest = (balance: Balance): number => {
      const picker = create(balance).update(endpoints);
      const open = new Map<string, number>();
      for (const source of sources(2_000)) {
        const id = picker.pick({ tried: new Set(), source })?.endpoint.id ?? '';
        open.set(id, (open.get(id) ?? 0) + 1);
      }
      return Math.max(...open.values());
    };
    assert(busiest('power-of-two') <= 104, 'within some connections of the mean of 100');
    assert(busiest('random') > 104, 'which plain chance does not reach');
  });
});

describe('the policy peak-ewma', () => {
  it('leaves an endpoint that answers slowly, within one dial, and returns little by little', async () => {
    const clock = new SimClock(settle);
    const balancer = createBalancer('peak-ewma', { clock, random: new SeededRandom(1) });
    const endpoints = [endpoint(0), endpoint(1)];
    for (const each of endpoints) balancer.observe?.(endpointKey(each), 1);
    const share = (): number => (shares(balancer, endpoints, 1_000).get('e0') ?? 0) / 1_000;
    balancer.update(endpoints);
    for (const each of endpoints) balancer.observe?.(endpointKey(each), 1);
    assert(share() > 0.2, 'both serve while both are quick');
    balancer.observe?.(endpointKey(endpoint(0)), 500);
    assert.equal(share(), 0);
    await clock.advance(120_000);
    assert(share() > 0, 'an old time has lost its say');
  });

  it('takes a failed dial for a very slow one, however quickly it failed', () => {
    const balancer = create('peak-ewma');
    const endpoints = [endpoint(0), endpoint(1)];
    balancer.update(endpoints);
    balancer.observe?.(endpointKey(endpoint(0)), undefined);
    balancer.observe?.(endpointKey(endpoint(1)), 1_000);
    assert.equal(shares(balancer, endpoints, 100).get('e1'), 100);
  });

  it('prefers the less busy of two that are equally quick', () => {
    const balancer = create('peak-ewma');
    const picker = balancer.update([endpoint(0), endpoint(1)]);
    const first = picker.pick({ tried: new Set(), source: SOURCE });
    const second = picker.pick({ tried: new Set(), source: SOURCE });
    assert.notEqual(first?.endpoint.id, second?.endpoint.id);
  });
});

describe('the policy maglev', () => {
  it('sends a consumer to the same endpoint, whichever daemon it meets', () => {
    const endpoints = Array.from({ length: 7 }, (_, n) => endpoint(n));
    const [one, two] = [create('maglev', 1).update(endpoints), create('maglev', 2).update(endpoints)];
    for (const source of sources(500)) {
      const chosen = one.pick({ tried: new Set(), source })?.endpoint.id;
      assert.equal(one.pick({ tried: new Set(), source })?.endpoint.id, chosen);
      assert.equal(two.pick({ tried: new Set(), source })?.endpoint.id, chosen);
    }
  });

  it('moves few consumers when an endpoint leaves: its own, and one in ten of the others at most', () => {
    const endpoints = Array.from({ length: 10 }, (_, n) => endpoint(n));
    const balancer = create('maglev');
    const before = balancer.update(endpoints);
    const after = balancer.update(endpoints.slice(1));
    let [moved, others] = [0, 0];
    for (const source of sources(5_000)) {
      const was = before.pick({ tried: new Set(), source })?.endpoint.id;
      const is = after.pick({ tried: new Set(), source })?.endpoint.id;
      if (was === 'e0') continue;
      others += 1;
      if (was !== is) moved += 1;
    }
    assert(others > 4_000);
    assert(moved / others < 0.1, `${moved} of ${others} moved`);
  });

  it('keeps the size of its table when endpoints leave, and outgrows it when many come', () => {
    const balancer = create('maglev');
    const many = Array.from({ length: 100 }, (_, n) => endpoint(n));
    balancer.update(many.slice(0, 3));
    assert.equal(balancer.slots().length, 1_021);
    balancer.update(many);
    assert.equal(balancer.slots().length, 65_537);
    balancer.update(many.slice(0, 3));
    assert.equal(balancer.slots().length, 65_537);
  });
});
