import assert from 'node:assert/strict';
import { bindingView } from '../../../src/app/admin/binding-view.ts';
import { explain } from '../../../src/app/admin/explain.ts';
import { binding, poolOf } from '../../support/bindings.ts';
import { endpoint } from '../../support/endpoints.ts';

describe('explain', () => {
  for (const { name, reason, says } of [
    {
      name: '[P31] says why userspace carries what the kernel could have been given',
      reason: 'its endpoints want the PROXY protocol',
      says: ['  carried in userspace: its endpoints want the PROXY protocol'],
    },
    { name: 'says nothing of it where nobody asked the kernel', reason: null, says: [] },
  ]) {
    it(name, () => {
      const bound = binding('172.17.0.2', '/a;80;proxy-protocol=v2');
      const route = { binding: bound, pool: poolOf('/a;80', [endpoint(1)]) };
      const view = bindingView(route, { open: 0, carrier: 'userspace', carrierReason: reason });
      const { words } = explain({
        asked: '172.17.0.2',
        nowMs: 0,
        port: 80,
        protocol: 'tcp',
        consumers: [],
        found: [],
        bindings: [{ route, view, services: [], endpoints: [] }],
        bound: [],
        problems: [],
        decisions: [],
      });
      assert.deepEqual(
        words.filter((line) => line.includes('carried in')),
        says,
      );
      assert.equal(words.join().includes('source=keep'), false);
      assert.match(words[0] ?? '', /asks at port 80\/tcp for \/a;80;proxy-protocol=v2$/);
    });
  }

  for (const { carrier, times } of [
    { carrier: 'userspace', times: 1 },
    { carrier: 'nftables', times: 0 },
  ] as const) {
    const says = times === 1 ? 'says' : 'says nothing of it';
    it(`${says} where ${carrier} carries what is to keep its source`, () => {
      const route = {
        binding: binding('172.17.0.2', '/a;80;source=keep'),
        pool: poolOf('/a;80', [endpoint(1)]),
      };
      const view = bindingView(route, { open: 0, carrier, carrierReason: null });
      const asked = { asked: '172.17.0.2', nowMs: 0, port: 80, protocol: 'tcp' };
      const nobody = { consumers: [], found: [], bound: [], problems: [], decisions: [] };
      const { words } = explain({
        ...asked,
        ...nobody,
        bindings: [{ route, view, services: [], endpoints: [] }],
      });
      const said = words.filter((line) => line.startsWith('  source=keep has no effect in userspace'));
      assert.equal(said.length, times);
    });
  }
});
