import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RoundRobin } from '../../src/balancers/round-robin.ts';
import { endpointKey } from '../../src/domain/endpoint.ts';
import { address, endpoint } from '../support/endpoints.ts';
import type { Endpoint } from '../../src/domain/endpoint.ts';
import type { Picker } from '../../src/domain/route.ts';

const SOURCE = address('172.17.0.2');

describe('RoundRobin', () => {
  it('picks nothing from an empty set', () => {
    assert.equal(pick(new RoundRobin().update([])), undefined);
  });

  it('gives every endpoint exactly its weight in each turn of a stable set [C6]', () => {
    fc.assert(
      fc.property(weights(), fc.integer({ min: 1, max: 4 }), (list, turns) => {
        const endpoints = withWeights(list);
        const picker = new RoundRobin().update(endpoints);
        const counts = tally(picker, turns * sum(list.map((weight) => weight / divisorOf(list))));
        for (const [index, weight] of list.entries()) {
          assert.equal(counts.get(keyAt(endpoints, index)) ?? 0, (turns * weight) / divisorOf(list));
        }
      }),
    );
  });

  it('never lets an endpoint lead another of equal weight by more than one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 0, max: 40 }), (count, picks) => {
        const counts = tally(new RoundRobin().update(withWeights(Array<number>(count).fill(1))), picks);
        const values = Array.from({ length: count }, (_, n) => counts.get(endpointKey(endpoint(n))) ?? 0);
        assert.ok(Math.max(...values) - Math.min(...values) <= 1, 'the spread of a turn is at most one');
      }),
    );
  });

  it('starves nobody under churn: who stays is picked within one turn of what was there', () => {
    const change = fc.array(fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 5 })), {
      maxLength: 6,
    });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 120 }), (rounds) => {
        const balancer = new RoundRobin();
        const stayer = endpoint(0);
        let waited = 0;
        let bound = 0;
        for (const others of rounds) {
          const set = new Map(others.map(([n, weight]) => [n, endpoint(n, { weight })]));
          const picker = balancer.update([stayer, ...set.values()]);
          bound = Math.max(bound, 1 + sum([...set.values()].map((other) => other.weight)));
          waited = pick(picker) === endpointKey(stayer) ? 0 : waited + 1;
          // A newcomer of weight w is first due after 1 / w of a turn, so at most two turns can pass it by.
          assert.ok(waited <= 2 * bound, `an endpoint that stays waited for ${waited} picks`);
        }
      }),
    );
  });

  it('does not let a newcomer before every pick push the others out', () => {
    const balancer = new RoundRobin();
    const counts = new Map<string, number>();
    for (let n = 0; n < 300; n += 1) {
      const key = pick(balancer.update([endpoint(0), endpoint(1), endpoint(2 + n, { weight: 10 })]));
      counts.set(key ?? '', (counts.get(key ?? '') ?? 0) + 1);
    }
    assert.ok(
      (counts.get(keyAt([endpoint(0)], 0)) ?? 0) > 20,
      'a steady stream of newcomers must not starve',
    );
  });

  it('goes on with its turn when only other data of the endpoints changes', () => {
    const balancer = new RoundRobin();
    const first = balancer.update([endpoint(0), endpoint(1), endpoint(2)]);
    assert.equal(pick(first), endpointKey(endpoint(0)));
    const second = balancer.update([0, 1, 2].map((n) => endpoint(n, { tags: ['new'] })));
    assert.deepEqual([pick(second), pick(second)], [endpointKey(endpoint(1)), endpointKey(endpoint(2))]);
    assert.deepEqual(second.pick({ tried: new Set(), source: SOURCE })?.endpoint.tags, ['new']);
  });

  it('keeps to the very turn of its weights, whatever other data changes before each pick [C6]', () => {
    const [still, restless] = [new RoundRobin(), new RoundRobin()];
    const endpoints = withWeights([5, 3, 1]);
    const picker = still.update(endpoints);
    for (let n = 0; n < 27; n += 1) {
      const told = endpoints.map((each) => ({ ...each, tags: [`${n}`] })).reverse();
      assert.equal(pick(n === 0 ? restless.update(endpoints) : restless.update(told)), pick(picker));
    }
  });

  it('lets who waited longest come first when the set changes, and newcomers last', () => {
    const balancer = new RoundRobin();
    const first = balancer.update([0, 1, 2].map((n) => endpoint(n)));
    assert.equal(pick(first), keyAt([endpoint(0)], 0));
    const second = balancer.update([3, 2, 0, 1].map((n) => endpoint(n)));
    const order = [1, 2, 0, 3].map((n) => endpointKey(endpoint(n)));
    assert.deepEqual(
      order.map(() => pick(second)),
      order,
    );
  });

  it('leaves out an endpoint of weight 0 also where the weights of others are scaled down', () => {
    const picker = new RoundRobin().update(withWeights([65_535, 65_534, 0]));
    assert.equal(tally(picker, 20_000).get(endpointKey(endpoint(2))), undefined);
  });

  it('never picks an endpoint that was tried, and nothing when all were [P36]', () => {
    const picker = new RoundRobin().update([endpoint(0), endpoint(1)]);
    const tried = new Set([endpointKey(endpoint(0))]);
    assert.equal(pick(picker, tried), endpointKey(endpoint(1)));
    assert.equal(pick(picker, new Set([...tried, endpointKey(endpoint(1))])), undefined);
  });

  it('leaves out an endpoint of weight 0', () => {
    const picker = new RoundRobin().update([endpoint(0, { weight: 0 }), endpoint(1)]);
    assert.deepEqual([pick(picker), pick(picker)], [endpointKey(endpoint(1)), endpointKey(endpoint(1))]);
  });

  it('keeps to its bound of slots with the largest weights, each endpoint keeping its turn', () => {
    const picker = new RoundRobin().update(withWeights([65_535, 65_534, 1]));
    const counts = tally(picker, 16_384);
    assert.ok((counts.get(endpointKey(endpoint(2))) ?? 0) >= 1, 'the lightest endpoint has its turn');
  });
});

function weights(): fc.Arbitrary<number[]> {
  return fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 8 });
}

function withWeights(list: readonly number[]): readonly Endpoint[] {
  return list.map((weight, n) => endpoint(n, { weight }));
}

function keyAt(endpoints: readonly Endpoint[], index: number): string {
  const found = endpoints[index];
  assert.ok(found !== undefined);
  return endpointKey(found);
}

function pick(picker: Picker, tried: ReadonlySet<string> = new Set()): string | undefined {
  const picked = picker.pick({ tried, source: SOURCE });
  return picked === undefined ? undefined : endpointKey(picked.endpoint);
}

function tally(picker: Picker, picks: number): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (let n = 0; n < picks; n += 1) {
    const key = pick(picker) ?? '';
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

function sum(list: readonly number[]): number {
  return list.reduce((total, value) => total + value, 0);
}

function divisorOf(list: readonly number[]): number {
  return list.reduce((a, b) => {
    let [high, low] = [a, b];
    while (low !== 0) [high, low] = [low, high % low];
    return high;
  }, 0);
}
