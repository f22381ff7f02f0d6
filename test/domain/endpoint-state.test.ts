import assert from 'node:assert/strict';
import { sameState } from '../../src/domain/endpoint-state.ts';
import type { EndpointState } from '../../src/domain/endpoint-state.ts';

/** Each state that differs from all the others. */
const STATES: readonly (EndpointState & { readonly name: string })[] = [
  { name: 'ready', kind: 'ready' },
  { name: 'draining by its weight', kind: 'draining', by: 'weight' },
  { name: 'drained by an operator', kind: 'draining', by: 'operator' },
  { name: 'ejected by an operator', kind: 'ejected', by: 'operator' },
  { name: 'ejected by dials', kind: 'ejected', by: 'dials', untilMs: 1_000 },
  { name: 'ejected by dials for longer', kind: 'ejected', by: 'dials', untilMs: 2_000 },
  { name: 'ejected by its check', kind: 'ejected', by: 'check', reason: 'refused' },
  { name: 'ejected by its check otherwise', kind: 'ejected', by: 'check', reason: 'timed out' },
];

describe('sameState', () => {
  for (const state of STATES) {
    it(`tells ${state.name} from every other state, and not from its like`, () => {
      const same = STATES.filter((other) => sameState(state, { ...other }));
      assert.deepEqual(
        same.map(({ name }) => name),
        [state.name],
      );
    });
  }
});
