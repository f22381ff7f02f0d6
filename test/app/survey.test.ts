import assert from 'node:assert/strict';
import { MemoryDiscovery } from '../../sim/memory-discovery.ts';
import { MemoryProvider } from '../../sim/memory-provider.ts';
import { SimResolver } from '../../sim/resolver.ts';
import { SimClock } from '../../sim/clock.ts';
import { survey } from '../../src/app/survey.ts';
import { consumer, serviceName } from '../support/bindings.ts';
import { endpoint } from '../support/endpoints.ts';
import { settle } from '../support/settle.ts';
import type { Survey } from '../../src/app/survey.ts';

const A = serviceName('/a');
const TIMEOUT_MS = 5_000;

/** Looks at a container that wants `/a;80`, with discoveries `one` and `two` in this order. */
async function look(prepare: (one: MemoryDiscovery, two: MemoryDiscovery) => void): Promise<Survey> {
  const clock = new SimClock(settle);
  const provider = new MemoryProvider();
  provider.put(consumer('web', { wants: ['/a;80'] }));
  const [one, two] = [new MemoryDiscovery('one'), new MemoryDiscovery('two')];
  prepare(one, two);
  const looking = survey(
    {
      clock,
      resolver: new SimResolver(),
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
        seen?.map(({ address }) => address),
        endpoints,
      );
    });
  }
});
