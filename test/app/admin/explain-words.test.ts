import assert from 'node:assert/strict';
import { explain, findConsumers } from '../../../src/app/admin/explain.ts';
import { consumer } from '../../support/bindings.ts';
import type { ExplainInput } from '../../../src/app/admin/explain.ts';
import type { DecisionView } from '../../../src/ports/admin.ts';

const NOW_MS = 100_000;

/** An explanation of port 80 for the consumer `web`, who bound nothing there. */
function words(parts: Partial<ExplainInput>): readonly string[] {
  const web = consumer('web');
  return explain({
    asked: 'web',
    nowMs: NOW_MS,
    port: 80,
    protocol: 'tcp',
    consumers: [web],
    found: [web],
    bindings: [],
    bound: [],
    problems: [],
    decisions: [],
    ...parts,
  }).words;
}

function decision(parts: Partial<DecisionView>): DecisionView {
  return {
    atMs: NOW_MS - 3_200,
    source: '172.17.0.2',
    port: 80,
    service: null,
    endpoint: null,
    refused: null,
    attempts: [],
    ...parts,
  };
}

describe('findConsumers', () => {
  const [alpha, beta] = [
    { ...consumer('abcdef', { addresses: ['172.17.0.2', '172.18.0.2'] }), name: 'alpha' },
    { ...consumer('abxyz', { addresses: ['172.17.0.3'] }), name: 'beta' },
  ];
  const rows = [
    { name: 'a name', asked: 'alpha', ids: ['abcdef'] },
    { name: 'a whole id', asked: 'abxyz', ids: ['abxyz'] },
    { name: 'the beginning of an id', asked: 'abcd', ids: ['abcdef'] },
    { name: 'any of its addresses', asked: '172.18.0.2', ids: ['abcdef'] },
    { name: 'nobody by a beginning of fewer than four letters', asked: 'abc', ids: [] },
    { name: 'nobody by the end of an id', asked: 'cdef', ids: [] },
  ];
  for (const { name, asked, ids } of rows) {
    it(`finds ${name}`, () => {
      assert.deepEqual(
        findConsumers(asked, [alpha, beta]).map(({ id }) => id),
        ids,
      );
    });
  }

  it('takes a name before the id of another', () => {
    const named = { ...beta, name: 'abcdef' };
    assert.deepEqual(findConsumers('abcdef', [alpha, named]), [named]);
  });
});

describe('explain', () => {
  it('says that nobody is known, where there is nobody', () => {
    assert.deepEqual(words({ asked: 'x', consumers: [], found: [] }), [
      "No consumer is called 'x', has that address, or an id that begins so.",
      'No consumer is known at all.',
    ]);
  });

  it('names those there are, sorted, ten at most', () => {
    const many = Array.from({ length: 12 }, (_, n) => consumer(`c${String(11 - n).padStart(2, '0')}`));
    const [, ten] = words({ asked: 'x', consumers: many.slice(2), found: [] });
    assert.equal(ten, 'Known are: c00, c01, c02, c03, c04, c05, c06, c07, c08, c09.');
    const [, twelve] = words({ asked: 'x', consumers: many, found: [] });
    assert.equal(twelve, 'Known are: c00, c01, c02, c03, c04, c05, c06, c07, c08, c09 and 2 more.');
  });

  it('says that a port is not bound, what is, and what was wrong with the wishes', () => {
    const told = words({ bound: ['81/tcp to /a', '82/tcp to /b'], problems: ['no port'] });
    assert.match(told[0] ?? '', /^web has no binding of port 80\/tcp: a connection there is refused/);
    assert.deepEqual(told.slice(1), [
      'It bound 81/tcp to /a, 82/tcp to /b.',
      'Reported: no port.',
      'No connection was seen lately.',
    ]);
    assert.equal(words({})[1], 'It bound nothing.');
  });

  const rows: readonly { name: string; seen: Partial<DecisionView>; line: string }[] = [
    {
      name: 'where a connection went',
      seen: { endpoint: '10.0.0.1:80' },
      line: '  3.2 s ago from 172.17.0.2 to 10.0.0.1:80',
    },
    {
      name: 'which endpoints failed before',
      seen: {
        endpoint: '10.0.0.3:80',
        attempts: [
          { endpoint: '10.0.0.1:80', tookMs: 0.44, error: 'refused' },
          { endpoint: '10.0.0.2:80', tookMs: 2, error: 'refused' },
          { endpoint: '10.0.0.3:80', tookMs: 1, error: null },
        ],
      },
      line:
        '  3.2 s ago from 172.17.0.2 to 10.0.0.3:80, ' +
        'after 10.0.0.1:80 failed in 0.4 ms and 10.0.0.2:80 failed in 2.0 ms',
    },
    {
      name: 'why it was refused',
      seen: { refused: 'unbound' },
      line: '  3.2 s ago from 172.17.0.2 refused: unbound',
    },
    { name: 'that it was cut', seen: {}, line: '  3.2 s ago from 172.17.0.2 refused: cut' },
    {
      name: 'no negative age when the clock was set back',
      seen: { atMs: NOW_MS + 5_000, refused: 'limit' },
      line: '  0.0 s ago from 172.17.0.2 refused: limit',
    },
  ];
  for (const { name, seen, line } of rows) {
    it(`tells ${name}`, () => {
      assert.deepEqual(words({ decisions: [decision(seen)] }).slice(-2), [
        'The last connections, newest first:',
        line,
      ]);
    });
  }
});
