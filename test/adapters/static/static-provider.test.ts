import assert from 'node:assert/strict';
import { createStaticProvider } from '../../../src/adapters/static/static-provider.ts';
import { describeProviderContract } from '../../contracts/provider.contract.ts';
import { parseIpAddress } from '../../../src/domain/address.ts';
import { ProviderWatch } from '../../support/provider-watch.ts';
import { RULES } from '../../support/docker-world.ts';
import { settle } from '../../support/settle.ts';

describeProviderContract('createStaticProvider', async () => ({
  provider: createStaticProvider({
    services: '/svc/a;80',
    place: 'option -services',
    addresses: ['*'],
    rules: RULES,
    interfaces: ['docker0'],
  }),
  pass: settle,
  held: async () => 0,
  [Symbol.asyncDispose]: async () => undefined,
}));

describe('createStaticProvider', () => {
  it('[C1] splits at commas outside brackets, and tells one consumer with every address', async () => {
    const address = parseIpAddress('10.0.0.1') ?? assert.fail();
    const services = '/svc/a[x,y];80, /svc/b;81,';
    const watch = await watching(
      createStaticProvider({
        services,
        place: 'option -services',
        addresses: [address, '*'],
        rules: RULES,
        interfaces: [],
      }),
    );
    assert.deepEqual(watch.wants, { static: ['/svc/a;80', '/svc/b;81'] });
    assert.deepEqual(watch.addresses, { static: ['10.0.0.1', '*'] });
    assert.deepEqual(watch.problems, []);
    await watch.stop();
  });

  it('[P10] names the column of a bad descriptor in the whole option, and serves the others', async () => {
    const services = '/svc/a;80,/svc/b;0,/svc/c;82';
    const watch = await watching(
      createStaticProvider({
        services,
        place: 'option -services',
        addresses: ['*'],
        rules: RULES,
        interfaces: [],
      }),
    );
    assert.deepEqual(watch.wants, { static: ['/svc/a;80', '/svc/c;82'] });
    assert.deepEqual(watch.problems, ["option -services, column 18: '0' is not a port from 1 to 65535"]);
    await watch.stop();
  });

  it('tells a consumer without wants when no service is given', async () => {
    const watch = await watching(
      createStaticProvider({
        services: '',
        place: 'option -services',
        addresses: ['*'],
        rules: RULES,
        interfaces: [],
      }),
    );
    assert.deepEqual(watch.wants, { static: [] });
    await watch.stop();
  });
});

async function watching(provider: ReturnType<typeof createStaticProvider>): Promise<ProviderWatch> {
  const watch = new ProviderWatch(provider);
  await settle();
  return watch;
}
