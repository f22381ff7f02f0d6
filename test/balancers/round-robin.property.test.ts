import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RoundRobin } from '../../src/balancers/round-robin.ts';
import { address, endpoint } from '../support/endpoints.ts';

const SOURCE = address('172.17.0.2');

describe('RoundRobin', () => {
  it('[C6] spreads each endpoint over its turn: none waits much longer than its weight says', () => {
    const weights = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(weights, (list) => {
        const picker = new RoundRobin().update(list.map((weight, n) => endpoint(n, { weight })));
        const slots = list.reduce((sum, weight) => sum + weight, 0);
        const last = new Map<string, number>();
        for (let n = 0; n < 3 * slots; n += 1) {
          const pick = picker.pick({ tried: new Set(), source: SOURCE });
          assert(pick !== undefined);
          const { id, weight } = pick.endpoint;
          const waited = n - (last.get(id) ?? n);
          // Between two of its slots lies 1 / weight of a turn; each other may be one ahead in it.
          assert(waited <= slots / weight + list.length, `${id} of weight ${weight} waited ${waited} picks`);
          last.set(id, n);
        }
      }),
    );
  });
});
