import assert from 'node:assert/strict';
import { bindingView } from '../../../src/app/admin/binding-view.ts';
import { endpointKey } from '../../../src/domain/endpoint.ts';
import { binding, poolOf } from '../../support/bindings.ts';
import { endpoint } from '../../support/endpoints.ts';
import type { PoolSnapshot } from '../../../src/domain/route.ts';
import type { BindingView } from '../../../src/ports/admin.ts';

const REST = { open: 2, carrier: 'userspace', carrierReason: null, sourceReason: null } as const;
const KNOWN = poolOf('/a;80', [endpoint(1), endpoint(2)]);

function view(pool: PoolSnapshot, source = '172.17.0.2'): BindingView {
  return bindingView({ binding: binding(source, '/a;80', 'web'), pool }, REST);
}

function known(parts: Partial<PoolSnapshot & { readonly state: 'known' }>): PoolSnapshot {
  assert(KNOWN.state === 'known');
  return { ...KNOWN, ...parts };
}

describe('bindingView', () => {
  it('tells who asked for what, where that is written, and who carries it', () => {
    const seen = view(KNOWN);
    assert.equal(seen.consumer, 'web');
    assert.equal(seen.consumerId, 'web');
    assert.equal(seen.address, '172.17.0.2');
    assert.deepEqual([seen.port, seen.protocol, seen.service], [80, 'tcp', '/a']);
    assert.equal(seen.place, 'container web, variable BACKEND_0');
    assert.deepEqual([seen.open, seen.carrier, seen.carrierReason], [2, 'userspace', null]);
  });

  it('calls the consumer of a wildcard binding any', () => {
    assert.equal(view(KNOWN, '*').consumer, 'any');
  });

  const rows: readonly {
    name: string;
    pool: PoolSnapshot;
    seen: Pick<BindingView, 'state' | 'endpoints' | 'ready'>;
  }[] = [
    {
      name: 'unknown before the first answer',
      pool: poolOf('/a;80', undefined),
      seen: { state: 'unknown', endpoints: 0, ready: 0 },
    },
    {
      name: 'empty when there is no endpoint',
      pool: poolOf('/a;80', []),
      seen: { state: 'empty', endpoints: 0, ready: 0 },
    },
    { name: 'ready when all serve', pool: KNOWN, seen: { state: 'ready', endpoints: 2, ready: 2 } },
    {
      name: 'ready with one of them, where the other is ejected',
      pool: known({ states: new Map([[endpointKey(endpoint(1)), { kind: 'ejected', by: 'operator' }]]) }),
      seen: { state: 'ready', endpoints: 2, ready: 1 },
    },
    {
      name: 'in a panic when all are used again',
      pool: known({ panics: true }),
      seen: { state: 'panic', endpoints: 2, ready: 2 },
    },
  ];
  for (const { name, pool, seen } of rows) {
    it(`is ${name}`, () => {
      const { state, endpoints, ready } = view(pool);
      assert.deepEqual({ state, endpoints, ready }, seen);
    });
  }
});
