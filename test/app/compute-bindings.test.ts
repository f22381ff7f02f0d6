import assert from 'node:assert/strict';
import { computeBindings } from '../../src/app/compute-bindings.ts';
import { formatProblem } from '../../src/domain/result.ts';
import { consumer } from '../support/bindings.ts';
import type { Consumer } from '../../src/domain/consumer.ts';

const LIMIT = { maxBindings: 256 };
const EARLY = '2026-01-01T00:00:00.1Z';
const LATE = '2026-01-01T00:00:00.12Z';

interface Row {
  readonly name: string;
  readonly consumers: readonly Consumer[];
  /** Binding id → service and the consumer it belongs to. */
  readonly bound: Readonly<Record<string, string>>;
  readonly problems?: readonly string[];
}

const ROWS: readonly Row[] = [
  {
    name: 'binds every wish at every address of a consumer',
    consumers: [consumer('web', { addresses: ['172.17.0.2', 'fd00::2'], wants: ['/a;80', '/b;81/udp'] })],
    bound: {
      '172.17.0.2 tcp 80': '/a of web',
      '172.17.0.2 udp 81': '/b of web',
      'fd00::2 tcp 80': '/a of web',
      'fd00::2 udp 81': '/b of web',
    },
  },
  {
    name: 'lets consumers bind one port to different services',
    consumers: [
      consumer('c1', { wants: ['/a;80'] }),
      consumer('c2', { addresses: ['172.17.0.3'], wants: ['/b;80'] }),
    ],
    bound: { '172.17.0.2 tcp 80': '/a of c1', '172.17.0.3 tcp 80': '/b of c2' },
  },
  {
    name: '[C2] lets the first wish of one key win within a consumer, and reports the other once',
    consumers: [consumer('web', { addresses: ['172.17.0.2', '172.18.0.2'], wants: ['/a;80', '/b;80'] })],
    bound: { '172.17.0.2 tcp 80': '/a of web', '172.18.0.2 tcp 80': '/a of web' },
    problems: [
      'container web, variable BACKEND_1: port 80/tcp is already bound by container web, ' +
        'variable BACKEND_0; this one waits for its end',
    ],
  },
  {
    name: '[C2] lets the owner of a network namespace win, though a sharer started earlier',
    consumers: [
      consumer('sharer', {
        namespaceOwner: 'owner',
        endpointId: 'e1',
        startedAt: EARLY,
        wants: ['/b;80', '/c;81'],
      }),
      consumer('owner', { endpointId: 'e1', startedAt: LATE, wants: ['/a;80'] }),
    ],
    bound: { '172.17.0.2 tcp 80': '/a of owner', '172.17.0.2 tcp 81': '/c of sharer' },
    problems: [
      'container sharer, variable BACKEND_0: port 80/tcp is already bound by container owner, ' +
        'variable BACKEND_0; this one waits for its end',
    ],
  },
  {
    name: '[C2] lets the earlier started of two sharers win',
    consumers: [
      consumer('a', { namespaceOwner: 'owner', endpointId: 'e1', startedAt: LATE, wants: ['/a;80'] }),
      consumer('b', { namespaceOwner: 'owner', endpointId: 'e1', startedAt: EARLY, wants: ['/b;80'] }),
      consumer('owner', { endpointId: 'e1', startedAt: EARLY }),
    ],
    bound: { '172.17.0.2 tcp 80': '/b of b' },
    problems: [
      'container a, variable BACKEND_0: port 80/tcp is already bound by container b, ' +
        'variable BACKEND_0; this one waits for its end',
    ],
  },
  {
    name: '[C2] lets the lower id of two sharers that started together win',
    consumers: [
      consumer('b', { namespaceOwner: 'owner', endpointId: 'e1', wants: ['/b;80'] }),
      consumer('a', { namespaceOwner: 'owner', endpointId: 'e1', wants: ['/a;80'] }),
      consumer('owner', { endpointId: 'e1' }),
    ],
    bound: { '172.17.0.2 tcp 80': '/a of a' },
    problems: [
      'container b, variable BACKEND_0: port 80/tcp is already bound by container a, ' +
        'variable BACKEND_0; this one waits for its end',
    ],
  },
  {
    name: '[C10] [P04] gives an address that two lives claim to the later one',
    consumers: [
      consumer('old', { startedAt: EARLY, wants: ['/secret;80', '/other;81'] }),
      consumer('new', { startedAt: LATE, wants: ['/b;80'] }),
    ],
    bound: { '172.17.0.2 tcp 80': '/b of new' },
  },
  {
    name: '[C10] [P04] lets nobody inherit: a later life that wants nothing holds the address, too',
    consumers: [
      consumer('old', { startedAt: EARLY, wants: ['/secret;80'] }),
      consumer('new', { startedAt: LATE }),
    ],
    bound: {},
  },
  {
    name: '[C10] [P04] leaves an earlier life its other addresses',
    consumers: [
      consumer('old', { startedAt: EARLY, addresses: ['172.17.0.2', '172.18.0.2'], wants: ['/a;80'] }),
      consumer('new', { startedAt: LATE }),
    ],
    bound: { '172.18.0.2 tcp 80': '/a of old' },
  },
  {
    name: '[C10] [P04] takes a sharer of the earlier life its bindings together with its owner',
    consumers: [
      consumer('old', { startedAt: EARLY, endpointId: 'e1' }),
      consumer('sharer', {
        namespaceOwner: 'old',
        endpointId: 'e1',
        startedAt: '2026-01-02T00:00:00Z',
        wants: ['/secret;80'],
      }),
      consumer('new', { startedAt: LATE, endpointId: 'e2', wants: ['/b;81'] }),
    ],
    bound: { '172.17.0.2 tcp 81': '/b of new' },
  },
  {
    name: '[C2] leaves out what is over the limit of one consumer, and reports it',
    consumers: [
      consumer('web', { wants: Array.from({ length: 258 }, (_, n) => `/a;${n + 1}`) }),
      consumer('c2', { addresses: ['172.17.0.3'], wants: ['/b;80'] }),
    ],
    bound: {
      ...Object.fromEntries(Array.from({ length: 256 }, (_, n) => [`172.17.0.2 tcp ${n + 1}`, '/a of web'])),
      '172.17.0.3 tcp 80': '/b of c2',
    },
    problems: [
      'container web, variable BACKEND_256: 2 of 258 bindings are over the limit of 256 ' +
        '(--max-bindings) and left out',
    ],
  },
  {
    name: 'names the option, not a container, for a static binding',
    consumers: [consumer('static', { addresses: ['*'], wants: ['/a;80', '/b;80'] })],
    bound: { '* tcp 80': '/a of static' },
    problems: [
      'variable BACKEND_1: port 80/tcp is already bound by variable BACKEND_0; this one waits for its end',
    ],
  },
  { name: 'makes no binding of nobody', consumers: [], bound: {} },
];

describe('computeBindings', () => {
  for (const { name, consumers, bound, problems } of ROWS) {
    it(name, () => {
      for (const order of [consumers, [...consumers].reverse()]) {
        const computed = computeBindings(order, LIMIT);
        assert.deepEqual(inWords(computed.bindings), bound);
        assert.deepEqual(computed.problems.map(formatProblem), problems ?? []);
      }
    });
  }

  it('[C2] lets the loser take over when the winner goes', () => {
    const owner = consumer('owner', { endpointId: 'e1', wants: ['/a;80'] });
    const sharer = consumer('sharer', { namespaceOwner: 'owner', endpointId: 'e1', wants: ['/b;80'] });
    assert.deepEqual(inWords(computeBindings([owner, sharer], LIMIT).bindings), {
      '172.17.0.2 tcp 80': '/a of owner',
    });
    assert.deepEqual(inWords(computeBindings([{ ...owner, wants: [] }, sharer], LIMIT).bindings), {
      '172.17.0.2 tcp 80': '/b of sharer',
    });
  });

  it('[C10] names the life a binding belongs to', () => {
    const [only] = computeBindings([consumer('web', { wants: ['/a;80'] })], LIMIT).bindings.values();
    assert.deepEqual(only?.owner, {
      consumer: 'web',
      startedAt: '2026-01-01T00:00:00Z',
      endpointId: 'web 2026-01-01T00:00:00Z',
    });
  });

  it('binds only what a policy allows, at each address by its network, and names what it denied', () => {
    const containers = { name: undefined, image: undefined, network: ['net0'], label: undefined };
    const policy = { source: 'p.yaml', rules: [{ containers, services: ['/a'], except: [] }] };
    const parts = { addresses: ['172.17.0.2', '172.18.0.2'], wants: ['/a;80', '/b;81'] };
    const web = { ...consumer('web', parts), traits: { image: 'shop:1', labels: [] } };
    const { bindings, denied, problems } = computeBindings([web], { ...LIMIT, policy });
    assert.deepEqual([...bindings.keys()], ['172.17.0.2 tcp 80']);
    assert.deepEqual([...denied].sort(), ['172.17.0.2 tcp 81', '172.18.0.2 tcp 80', '172.18.0.2 tcp 81']);
    assert.deepEqual(problems.map(formatProblem), [
      'container web, variable BACKEND_0: no rule of the access policy (p.yaml) lets it use /a ' +
        'from network net1; it is refused there',
      'container web, variable BACKEND_1: no rule of the access policy (p.yaml) lets it use /b ' +
        'from network net0, net1; it is refused there',
    ]);
  });

  it('lets a sharer of an address have what its owner is denied', () => {
    const owner = { ...consumer('owner', { endpointId: 'e1', wants: ['/a;80'] }), traits: traits('x') };
    const parts = { namespaceOwner: 'owner', endpointId: 'e1', wants: ['/b;80'] };
    const sharer = { ...consumer('sharer', parts), traits: traits('y') };
    const containers = { name: ['sharer'], image: undefined, network: undefined, label: undefined };
    const policy = { source: 'p.yaml', rules: [{ containers, services: ['*'], except: [] }] };
    const { bindings, denied } = computeBindings([owner, sharer], { ...LIMIT, policy });
    assert.deepEqual(inWords(bindings), { '172.17.0.2 tcp 80': '/b of sharer' });
    assert.equal(denied.size, 0);
  });

  it("asks no policy about the operator's own static services", () => {
    const own = consumer('static', { addresses: ['*'], wants: ['/a;80'] });
    const { bindings } = computeBindings([own], { ...LIMIT, policy: { source: 'p.yaml', rules: [] } });
    assert.equal(bindings.size, 1);
  });

  it('gives bindings in the order of their ids', () => {
    const { bindings } = computeBindings([consumer('web', { wants: ['/a;81', '/a;80'] })], LIMIT);
    assert.deepEqual([...bindings.keys()], ['172.17.0.2 tcp 80', '172.17.0.2 tcp 81']);
  });
});

function inWords(bindings: ReturnType<typeof computeBindings>['bindings']): Record<string, string> {
  return Object.fromEntries(
    [...bindings].map(([id, bound]) => [id, `${bound.descriptor.service} of ${bound.owner.consumer}`]),
  );
}

function traits(image: string): NonNullable<Consumer['traits']> {
  return { image, labels: [] };
}
