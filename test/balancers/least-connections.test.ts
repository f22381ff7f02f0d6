import assert from 'node:assert/strict';
import fc from 'fast-check';
import { LeastConnections } from '../../src/balancers/least-connections.ts';
import { endpointKey } from '../../src/domain/endpoint.ts';
import { address, endpoint } from '../support/endpoints.ts';
import type { Endpoint } from '../../src/domain/endpoint.ts';
import type { Pick, Picker } from '../../src/domain/route.ts';

const SOURCE = address('172.17.0.2');

/** What a run knows besides the balancer: the model it is checked against. */
interface Model {
  endpoints: readonly Endpoint[];
  picker: Picker;
  readonly lent: Pick[];
}

describe('LeastConnections [D13]', () => {
  it('never picks a strictly busier endpoint, whatever comes, goes and ends [C6]', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('pick' as const) }),
      fc.record({ kind: fc.constant('release' as const), which: fc.nat() }),
      fc.record({
        kind: fc.constant('update' as const),
        set: fc.uniqueArray(fc.tuple(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 1, max: 4 })), {
          selector: ([n]) => n,
          maxLength: 5,
        }),
      }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const balancer = new LeastConnections();
        const model: Model = { endpoints: [], picker: balancer.update([]), lent: [] };
        for (const { kind, ...rest } of steps) {
          if (kind === 'update' && 'set' in rest) {
            model.endpoints = rest.set.map(([n, weight]) => endpoint(n, { weight }));
            model.picker = balancer.update(model.endpoints);
          } else if (kind === 'release' && 'which' in rest) {
            const [pick] = model.lent.splice(rest.which % Math.max(1, model.lent.length), 1);
            pick?.release();
          } else {
            pickAndCheck(model);
          }
        }
        for (const pick of model.lent) pick.release();
        assert.equal(balancer.size, model.endpoints.length, 'every ended connection is given back');
      }),
    );
  });

  it('gives a connection back once, however often it is released', () => {
    const balancer = new LeastConnections();
    const picker = balancer.update([endpoint(0), endpoint(1)]);
    const first = picker.pick({ tried: new Set(), source: SOURCE });
    const second = picker.pick({ tried: new Set(), source: SOURCE });
    first?.release();
    first?.release();
    const third = picker.pick({ tried: new Set(), source: SOURCE });
    assert.equal(third?.endpoint.id, first?.endpoint.id, 'the released endpoint is the less busy one');
    assert.notEqual(third?.endpoint.id, second?.endpoint.id);
    const fourth = picker.pick({ tried: new Set(), source: SOURCE });
    assert.ok(fourth !== undefined, 'a double release must not make the books negative');
  });

  it('remembers the connections of an endpoint that goes and returns', () => {
    const balancer = new LeastConnections();
    const busy = balancer.update([endpoint(0)]);
    busy.pick({ tried: new Set(), source: SOURCE });
    balancer.update([endpoint(1)]);
    const picker = balancer.update([endpoint(0), endpoint(1)]);
    const picks = [1, 2].map(() => picker.pick({ tried: new Set(), source: SOURCE })?.endpoint.id);
    assert.equal(picks[0], endpoint(1).id);
  });

  it('shares ties out in turn', () => {
    const picker = new LeastConnections().update([0, 1, 2].map((n) => endpoint(n)));
    const seen = new Set<string>();
    for (let n = 0; n < 3; n += 1) {
      const picked = picker.pick({ tried: new Set(), source: SOURCE });
      picked?.release();
      seen.add(picked?.endpoint.id ?? '');
    }
    assert.equal(seen.size, 3);
  });

  it('leaves out tried endpoints and those of weight 0', () => {
    const picker = new LeastConnections().update([endpoint(0, { weight: 0 }), endpoint(1), endpoint(2)]);
    const tried = new Set([endpointKey(endpoint(1))]);
    assert.equal(picker.pick({ tried, source: SOURCE })?.endpoint.id, endpoint(2).id);
    tried.add(endpointKey(endpoint(2)));
    assert.equal(picker.pick({ tried, source: SOURCE }), undefined);
  });
});

/** Picks, and checks against the model that no endpoint was less busy for its weight. */
function pickAndCheck(model: Model): void {
  const open = (key: string): number =>
    model.lent.filter((pick) => endpointKey(pick.endpoint) === key).length;
  const before = new Map(
    model.endpoints.map((each) => [endpointKey(each), open(endpointKey(each)) / each.weight]),
  );
  const picked = model.picker.pick({ tried: new Set(), source: SOURCE });
  if (model.endpoints.length === 0) {
    assert.equal(picked, undefined);
    return;
  }
  assert.ok(picked !== undefined, 'a set that is not empty has an endpoint to pick');
  const load = before.get(endpointKey(picked.endpoint));
  for (const other of before.values()) {
    assert.ok(load !== undefined && load <= other, 'must never pick a strictly busier endpoint');
  }
  model.lent.push(picked);
}
