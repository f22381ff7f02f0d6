import assert from 'node:assert/strict';
import { endpointViews } from '../../../src/app/admin/endpoint-words.ts';
import { endpointKey } from '../../../src/domain/endpoint.ts';
import { poolOf } from '../../support/bindings.ts';
import { endpoint } from '../../support/endpoints.ts';
import type { EndpointState } from '../../../src/domain/endpoint-state.ts';
import type { EndpointView } from '../../../src/ports/admin.ts';

const NOW_MS = 10_000;

/** The view of one endpoint that is in this state; undefined is ready. */
function view(state: EndpointState | undefined, tags?: readonly string[]): EndpointView | undefined {
  const one = endpoint(1, { weight: 3, tags });
  const pool = poolOf('/a[x,y];80', [one]);
  assert(pool.state === 'known');
  const states = new Map(state === undefined ? [] : [[endpointKey(one), state]]);
  const openTo = (key: string): number => (key === endpointKey(one) ? 4 : 0);
  const carriedTo = (key: string): number | null => (key === endpointKey(one) ? 9 : null);
  return endpointViews({ ...pool, states }, { nowMs: NOW_MS, openTo, carriedTo })[0];
}

describe('endpointViews', () => {
  it('tells address, pool, weight, tags and open connections of a ready endpoint', () => {
    assert.deepEqual(view(undefined, ['x', 'y']), {
      endpoint: '10.0.0.2:80',
      id: 'e1',
      service: '/a',
      pool: '/a[x,y] round-robin',
      weight: 3,
      tags: ['x', 'y'],
      state: 'ready',
      reason: null,
      open: 4,
      carried: 9,
    });
  });

  it('tells data without tags from data with none', () => {
    assert.equal(view(undefined)?.tags, null);
    assert.deepEqual(view(undefined, [])?.tags, []);
  });

  const rows: readonly { name: string; state: EndpointState; reason: string | null }[] = [
    { name: 'nothing of a ready one', state: { kind: 'ready' }, reason: null },
    {
      name: 'that its weight is 0',
      state: { kind: 'draining', by: 'weight' },
      reason: 'its weight is 0',
    },
    {
      name: 'that an operator drains it',
      state: { kind: 'draining', by: 'operator' },
      reason: 'drained by an operator',
    },
    {
      name: 'that an operator ejected it',
      state: { kind: 'ejected', by: 'operator' },
      reason: 'ejected by an operator',
    },
    {
      name: 'what its health check says',
      state: { kind: 'ejected', by: 'check', reason: 'refused' },
      reason: 'its health check fails: refused',
    },
    {
      name: 'when it is readmitted, in seconds begun',
      state: { kind: 'ejected', by: 'dials', untilMs: NOW_MS + 1_001 },
      reason: 'its dials failed; readmitted in 2 s',
    },
    {
      name: 'that it is readmitted at once when its time is over',
      state: { kind: 'ejected', by: 'dials', untilMs: NOW_MS - 5_000 },
      reason: 'its dials failed; readmitted in 0 s',
    },
  ];
  for (const { name, state, reason } of rows) {
    it(`tells ${name}`, () => {
      const seen = view(state);
      assert.equal(seen?.state, state.kind);
      assert.equal(seen.reason, reason);
    });
  }
});
