import assert from 'node:assert/strict';
import { MemoryDiscovery } from '../../sim/memory-discovery.ts';
import { MemoryProvider } from '../../sim/memory-provider.ts';
import { SimResolver } from '../../sim/resolver.ts';
import { SimClock } from '../../sim/clock.ts';
import { survey } from '../../src/app/survey.ts';
import { parseHostName } from '../../src/domain/address.ts';
import { consumer, serviceName } from '../support/bindings.ts';
import { address, endpoint } from '../support/endpoints.ts';
import { settle } from '../support/settle.ts';
import type { Survey } from '../../src/app/survey.ts';
import type { ToldEndpoint } from '../../src/domain/endpoint.ts';
import type { Problem } from '../../src/domain/result.ts';

const A = serviceName('/a');
const TIMEOUT_MS = 5_000;

/** The other parts of the world that a survey looks at. */
interface Rest {
  readonly provider: MemoryProvider;
  readonly resolver: SimResolver;
}

/** Looks at a container that wants `/a;80`, with discoveries `one` and `two` in this order. */
async function look(
  prepare: (one: MemoryDiscovery, two: MemoryDiscovery, rest: Rest) => void,
): Promise<Survey> {
  const clock = new SimClock(settle);
  const [provider, resolver] = [new MemoryProvider(), new SimResolver()];
  provider.put(consumer('web', { wants: ['/a;80'] }));
  const [one, two] = [new MemoryDiscovery('one'), new MemoryDiscovery('two')];
  prepare(one, two, { provider, resolver });
  const looking = survey(
    {
      clock,
      resolver,
      providers: [provider],
      discoveries: new Map([one, two].map((each) => [each.name, each])),
    },
    {
      defaults: {
        discoveries: [
          { name: 'one', wildcards: true },
          { name: 'two', wildcards: true },
        ],
        balance: 'round-robin',
      },
      maxBindings: 256,
      timeoutMs: TIMEOUT_MS,
      signal: new AbortController().signal,
    },
  );
  await clock.advance(TIMEOUT_MS);
  assert.equal(clock.pendingTimers, 0);
  return looking;
}

describe('survey', () => {
  for (const { name, prepare, kind, endpoints } of [
    {
      name: 'the endpoints of the first discovery that has any [C7]',
      prepare: (one: MemoryDiscovery, two: MemoryDiscovery): void => {
        one.setEndpoints(A, []);
        two.setEndpoints(A, [endpoint(2)]);
      },
      kind: 'known',
      endpoints: ['10.0.0.3'],
    },
    {
      name: 'those of the first where both have some',
      prepare: (one: MemoryDiscovery, two: MemoryDiscovery): void => {
        one.setEndpoints(A, [endpoint(1)]);
        two.setEndpoints(A, [endpoint(2)]);
      },
      kind: 'known',
      endpoints: ['10.0.0.2'],
    },
    {
      name: 'that a discovery cannot be asked, where no other has endpoints',
      prepare: (one: MemoryDiscovery, two: MemoryDiscovery): void => {
        one.setUnreachable();
        two.setEndpoints(A, []);
      },
      kind: 'unreachable',
      endpoints: undefined,
    },
    {
      name: 'that the second refuses to tell, where the first has none',
      prepare: (one: MemoryDiscovery, two: MemoryDiscovery): void => {
        one.setEndpoints(A, []);
        two.setForbidden();
      },
      kind: 'forbidden',
      endpoints: undefined,
    },
    {
      name: 'that nothing is known, where nobody answers in time',
      prepare: (): void => undefined,
      kind: 'unknown',
      endpoints: undefined,
    },
    {
      name: 'that there are none, where all say so',
      prepare: (one: MemoryDiscovery, two: MemoryDiscovery): void => {
        one.setEndpoints(A, []);
        two.setEndpoints(A, []);
      },
      kind: 'known',
      endpoints: [],
    },
  ]) {
    it(`tells ${name}`, async () => {
      const { bindings, problems } = await look(prepare);
      assert.deepEqual(problems, []);
      const [found] = bindings;
      assert.equal(found?.service.kind, kind);
      const seen = found.service.kind === 'known' ? found.service.endpoints : undefined;
      assert.deepEqual(
        seen?.map((each) => each.address),
        endpoints,
      );
    });
  }

  it('tells which provider cannot be asked, and why', async () => {
    const { bindings, problems } = await look((_one, _two, { provider }) => {
      provider.cut('no such socket');
    });
    assert.deepEqual(bindings, []);
    assert.deepEqual(problems, [{ place: 'docker', message: 'cannot be asked: no such socket' }]);
  });

  it('tells the addresses of an endpoint that has a host name, each as an endpoint [C7]', async () => {
    const { bindings, problems } = await look((one, _two, { resolver }) => {
      one.watch = telling([named('db.example')]);
      resolver.set('db.example', [address('10.9.0.1'), address('10.9.0.2')]);
    });
    assert.deepEqual(problems, []);
    const found = bindings[0]?.service;
    assert(found?.kind === 'known');
    assert.deepEqual(
      found.endpoints.map((each) => each.address),
      ['10.9.0.1', '10.9.0.2'],
    );
  });

  it('names a host name that has no address, and leaves its endpoint out', async () => {
    const { bindings, problems } = await look((one) => {
      one.watch = telling([endpoint(1), named('gone.example')]);
    });
    assert.deepEqual(problems, [
      { place: 'host name gone.example', message: 'cannot be resolved: there is no such name' },
    ]);
    const found = bindings[0]?.service;
    assert(found?.kind === 'known');
    assert.equal(found.endpoints.length, 1);
  });

  it('tells the problems of a discovery beside its endpoints', async () => {
    const problem = { place: 'key /a/1', message: 'has no port' };
    const { problems } = await look((one) => {
      one.watch = telling([endpoint(1)], [problem]);
    });
    assert.deepEqual(problems, [problem]);
  });

  it('tells a binding that is wanted twice, as the daemon would [C2]', async () => {
    const { bindings, problems } = await look((one, _two, { provider }) => {
      one.setEndpoints(A, [endpoint(1)]);
      provider.put(consumer('web', { wants: ['/a;80', '/b;80'] }));
    });
    assert.deepEqual(
      bindings.map(({ binding }) => binding.descriptor.service),
      ['/a'],
    );
    assert.equal(problems.length, 1);
    assert.match(problems[0]?.message ?? '', /BACKEND_0|\/a/);
  });
});

function named(name: string): ToldEndpoint {
  const host = parseHostName(name);
  assert(host !== undefined);
  return { ...endpoint(9), address: host };
}

/** A watch that tells one snapshot. */
function telling(
  endpoints: readonly ToldEndpoint[],
  problems: readonly Problem[] = [],
): MemoryDiscovery['watch'] {
  return async function* () {
    yield { kind: 'snapshot', endpoints, evidence: 'authoritative', revision: '1', problems };
    await Promise.resolve();
  };
}
