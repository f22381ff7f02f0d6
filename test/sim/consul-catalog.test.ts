import assert from 'node:assert/strict';
import { SimClock } from '../../sim/clock.ts';
import { ConsulCatalog } from '../../sim/consul/consul-catalog.ts';
import { SimConsulClient } from '../../sim/consul/sim-consul-client.ts';
import { settle } from '../support/settle.ts';
import type { ConsulAnswer, ConsulRequest } from '../../src/adapters/consul/consul-client.ts';

const { signal } = new AbortController();

const A = { node: 'n1', id: 'a', address: '10.0.0.1', port: 80, check: 'passing' } as const;

interface World {
  readonly clock: SimClock;
  readonly catalog: ConsulCatalog;
  /** Asks; what it gives tells the answer, once there is one. */
  readonly ask: (request: ConsulRequest) => () => ConsulAnswer | undefined;
}

function world(): World {
  const clock = new SimClock(settle);
  const catalog = new ConsulCatalog({ clock });
  const client = new SimConsulClient({ clock, catalogs: [catalog] });
  return {
    clock,
    catalog,
    ask: (request) => {
      let kept: ConsulAnswer | undefined;
      void client.ask(request, { server: 0, signal }).then((answer) => {
        kept = answer;
      });
      return () => kept;
    },
  };
}

describe('ConsulCatalog', () => {
  const read: ConsulRequest = { kind: 'instances', service: 'web', consistency: 'default' };

  it('answers a blocking query when its service changes, and not when another does', async () => {
    const { catalog, clock, ask } = world();
    catalog.register('web', A);
    const position = { index: String(catalog.index), waitS: 60 };
    const asked = ask({ ...read, position });
    await clock.advance(1_000);
    catalog.register('other', { ...A, id: 'o' });
    await clock.advance(1_000);
    assert.equal(asked(), undefined);
    catalog.setCheck('web', 'n1', 'a', 'critical');
    await clock.advance(0);
    assert.equal(asked()?.index, String(catalog.index));
    assert.equal(catalog.followers, 0);
  });

  it('answers with the same index after the wait and a sixteenth of it', async () => {
    const { catalog, clock, ask } = world();
    catalog.register('web', A);
    const asked = ask({ ...read, position: { index: String(catalog.index), waitS: 16 } });
    await clock.advance(16_999);
    assert.equal(asked(), undefined);
    await clock.advance(1);
    assert.equal(asked()?.index, String(catalog.index));
  });

  it('wakes whoever waits for checks only when a check changes', async () => {
    const { catalog, clock, ask } = world();
    catalog.register('web', A);
    const position = { index: String(catalog.index), waitS: 60 };
    const checks = ask({ kind: 'checks', position });
    const services = ask({ kind: 'services', consistency: 'default', position });
    catalog.register('web', { node: 'n1', id: 'b', address: '10.0.0.2', port: 80 });
    await clock.advance(10);
    assert.equal(checks(), undefined);
    assert.deepEqual(services()?.body, { consul: [], web: [] });
  });

  it('begins its indexes anew when it is wiped', () => {
    const { catalog } = world();
    catalog.register('web', A);
    const before = catalog.indexOf('instances', 'web');
    catalog.wipe();
    assert.ok(catalog.indexOf('instances', 'web') < before);
    assert.deepEqual(catalog.instances('web'), []);
  });

  it('begins its indexes anew when its servers are restored, with all that is registered', () => {
    const { catalog } = world();
    catalog.register('web', A);
    const before = catalog.indexOf('instances', 'web');
    catalog.rewind();
    assert.ok(catalog.indexOf('instances', 'web') < before);
    assert.equal(catalog.instances('web').length, 1);
  });

  it('gives the same registration a new lease, without a new index', async () => {
    const { catalog, clock } = world();
    catalog.register('web', A);
    const { index } = catalog;
    catalog.register('web', A, { ttlMs: 1_000 });
    assert.equal(catalog.index, index);
    await clock.advance(1_000);
    assert.deepEqual(catalog.instances('web'), []);
  });
});
