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
      const view = bindingView(route, {
        open: 0,
        carrier: 'userspace',
        carrierReason: reason,
        sourceReason: null,
      });
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
      assert.match(words[0] ?? '', /asks at port 80\/tcp for \/a;80;proxy-protocol=v2$/);
    });
  }

  for (const { name, reason } of [
    { name: 'says why endpoints do not see whom they were to see', reason: 'userspace carries the binding' },
    { name: 'says nothing of it where they do', reason: null },
  ]) {
    it(name, () => {
      const pool = poolOf('/a;80', [endpoint(1)]);
      const route = { binding: binding('172.17.0.2', '/a;80;source=keep'), pool };
      const carried = { open: 0, carrier: 'nftables', carrierReason: null } as const;
      const view = bindingView(route, { ...carried, sourceReason: reason });
      const asked = { asked: '172.17.0.2', nowMs: 0, port: 80, protocol: 'tcp' };
      const nobody = { consumers: [], found: [], bound: [], problems: [], decisions: [] };
      const bindings = [{ route, view, services: [], endpoints: [] }];
      const { words } = explain({ ...asked, ...nobody, bindings });
      assert.deepEqual(
        words.filter((line) => line.startsWith('  source=keep')),
        reason === null ? [] : [`  source=keep: endpoints do not see the consumer's own address: ${reason}`],
      );
    });
  }
});
