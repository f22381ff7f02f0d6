import assert from 'node:assert/strict';
import { counted, serviceInWords, tagsInWords } from '../../../src/app/admin/service-words.ts';
import { serviceName } from '../../support/bindings.ts';
import type { ServiceView } from '../../../src/ports/admin.ts';

const ANSWERING: ServiceView = {
  service: serviceName('/a'),
  discovery: 'etcd',
  status: 'answering',
  reason: null,
  revision: '7',
  answeredMsAgo: 1_240,
  endpoints: 2,
  suspected: 0,
};

describe('serviceInWords', () => {
  const rows: readonly { name: string; view: Partial<ServiceView>; words: string }[] = [
    { name: 'an answer, its age and revision', view: {}, words: 'etcd has 2 endpoints; told 1.2 s ago (7)' },
    { name: 'a single endpoint', view: { endpoints: 1 }, words: 'etcd has 1 endpoint; told 1.2 s ago (7)' },
    { name: 'none', view: { endpoints: 0 }, words: 'etcd has 0 endpoints; told 1.2 s ago (7)' },
    {
      name: 'ages of ten seconds and more in whole seconds',
      view: { answeredMsAgo: 10_000 },
      words: 'etcd has 2 endpoints; told 10 s ago (7)',
    },
    {
      name: 'younger ones with a tenth',
      view: { answeredMsAgo: 9_900 },
      words: 'etcd has 2 endpoints; told 9.9 s ago (7)',
    },
    {
      name: 'that age and revision are not known',
      view: { answeredMsAgo: null, revision: null },
      words: 'etcd has 2 endpoints; told an unknown time ago (no revision)',
    },
    {
      name: 'how many are kept without evidence [C7]',
      view: { suspected: 1 },
      words: 'etcd has 2 endpoints, 1 of them kept although its last answer lacked them; told 1.2 s ago (7)',
    },
    {
      name: 'that a source has told nothing',
      view: { endpoints: null },
      words: 'etcd knows nothing yet; told 1.2 s ago (7)',
    },
    { name: 'silence', view: { status: 'pending', endpoints: null }, words: 'etcd has not answered yet' },
    {
      name: 'what an earlier run knew during silence',
      view: { status: 'pending' },
      words: 'etcd has not answered yet; an earlier run has 2 endpoints',
    },
    {
      name: 'an outage, what is kept and its age [C7]',
      view: { status: 'unreachable', reason: 'no route', answeredMsAgo: 61_000 },
      words: 'etcd cannot be asked (no route); keeping 2 endpoints, 61 s ago',
    },
    {
      name: 'an outage before the first answer',
      view: { status: 'unreachable', endpoints: null, answeredMsAgo: null },
      words: 'etcd cannot be asked (no reason given); nothing is known',
    },
    {
      name: 'a refusal otherwise than an outage',
      view: { status: 'forbidden', reason: 'denied', answeredMsAgo: null },
      words: 'etcd refuses to tell (denied); keeping 2 endpoints',
    },
  ];
  for (const { name, view, words } of rows) {
    it(`tells ${name}`, () => {
      assert.equal(serviceInWords({ ...ANSWERING, ...view }), words);
    });
  }
});

describe('tagsInWords', () => {
  it('writes tags as a descriptor does, and none as nothing', () => {
    assert.equal(tagsInWords(['a', 'b']), '[a,b]');
    assert.equal(tagsInWords([]), '');
  });
});

describe('counted', () => {
  it('uses the singular for exactly one', () => {
    assert.deepEqual(
      [0, 1, 2].map((n) => counted(n, 'route')),
      ['0 routes', '1 route', '2 routes'],
    );
  });
});
