import assert from 'node:assert/strict';
import fc from 'fast-check';
import { readEvent, readList } from '../../../src/adapters/etcd2/etcd2-answer.ts';
import { Etcd2Error } from '../../../src/adapters/etcd2/etcd2-client.ts';
import type { Etcd2Answer } from '../../../src/adapters/etcd2/etcd2-client.ts';

const SIDE = { member: 'e1:2379', identity: undefined };

/** As etcd 3.4 writes it. */
function answer(body: unknown, rest: Partial<Etcd2Answer> = {}): Etcd2Answer {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return { status: 200, index: '40', contentType: 'application/json', location: undefined, text, ...rest };
}

function failureOf(read: () => unknown): Etcd2Error {
  try {
    read();
  } catch (error) {
    assert.ok(error instanceof Etcd2Error, String(error));
    return error;
  }
  return assert.fail('nothing was thrown');
}

describe('readList', () => {
  it('reads every value at any depth, sorted, and the index', () => {
    const list = readList(
      answer({
        action: 'get',
        node: {
          key: '/prod/web',
          dir: true,
          nodes: [
            { key: '/prod/web/b', value: '10.0.0.2:80', modifiedIndex: 9, createdIndex: 9 },
            { key: '/prod/web/80', dir: true, nodes: [{ key: '/prod/web/80/a', value: 'x', ttl: 9 }] },
            { key: '/prod/web/empty', dir: true },
          ],
        },
      }),
      SIDE,
    );
    assert.deepEqual(list.items, [
      { key: '/prod/web/80/a', value: 'x' },
      { key: '/prod/web/b', value: '10.0.0.2:80' },
    ]);
    assert.deepEqual([list.index, list.isEmpty], ['40', false]);
  });

  it('takes a path that is not there, or below a value, for an empty list', () => {
    for (const errorCode of [100, 104]) {
      const list = readList(
        answer({ errorCode, message: 'Key not found', index: 40 }, { status: 404 }),
        SIDE,
      );
      assert.deepEqual(list, { items: [], isEmpty: true, index: '40' });
    }
  });

  it('tells an empty root from one with a directory', () => {
    assert.ok(readList(answer({ action: 'get', node: { dir: true } }), SIDE).isEmpty);
    const nodes = [{ key: '/x', dir: true }];
    assert.ok(!readList(answer({ action: 'get', node: { dir: true, nodes } }), SIDE).isEmpty);
  });

  const rows: readonly { name: string; given: Etcd2Answer; code: Etcd2Error['code']; says: RegExp }[] = [
    {
      name: 'a page',
      given: answer('<html>', { contentType: 'text/html' }),
      code: 'unavailable',
      says: /text\/html/,
    },
    { name: 'other JSON', given: answer({ hello: 1 }), code: 'unavailable', says: /another shape/ },
    {
      name: 'a node below of another shape [D06]',
      given: answer({ node: { dir: true, nodes: [{ key: '/a', value: '1' }, { key: 5 }] } }),
      code: 'unavailable',
      says: /a node of another shape/,
    },
    {
      name: 'no index',
      given: answer({ node: { dir: true } }, { index: undefined }),
      code: 'unavailable',
      says: /no X-Etcd-Index/,
    },
    {
      name: 'an election',
      given: answer({ errorCode: 300, message: 'Raft Internal Error', cause: 'no leader' }, { status: 500 }),
      code: 'unavailable',
      says: /answered 500: Raft Internal Error: no leader/,
    },
    {
      name: 'missing rights',
      given: answer({ errorCode: 110, message: 'requires user authentication' }, { status: 401 }),
      code: 'forbidden',
      says: /e1:2379 rejected a question without a user; write etcd2:\/\/USER@HOST/,
    },
    {
      name: 'a server that serves v3 only',
      given: answer('404 page not found', { status: 404, index: undefined }),
      code: 'unavailable',
      says: /--enable-v2/,
    },
    {
      name: 'a redirect',
      given: answer('', { status: 307, location: 'http://x/' }),
      code: 'unavailable',
      says: /redirects to http:\/\/x\//,
    },
  ];
  for (const { name, given, code, says } of rows) {
    it(`tells ${name}: ${code}`, () => {
      const failure = failureOf(() => readList(given, SIDE));
      assert.equal(failure.code, code);
      assert.match(failure.message, says);
    });
  }

  it('throws nothing but its own error, whatever is answered', () => {
    const given = fc.record({
      status: fc.constantFrom(200, 404, 401, 500),
      body: fc.oneof(fc.json(), fc.string()),
    });
    fc.assert(
      fc.property(given, ({ status, body }) => {
        for (const read of [readList, readEvent]) {
          try {
            read(answer(body, { status }), SIDE);
          } catch (error) {
            assert.ok(error instanceof Etcd2Error);
          }
        }
      }),
    );
  });
});

describe('readEvent', () => {
  const node = { key: '/a', value: '1', modifiedIndex: 41, createdIndex: 41 };
  const gone = { key: '/a', dir: true, modifiedIndex: 41, createdIndex: 12 };
  const rows = [
    ...['set', 'create', 'update', 'compareAndSwap'].map((action) => ({ action, node, kind: 'put' })),
    ...['delete', 'expire', 'compareAndDelete'].map((action) => ({ action, node: gone, kind: 'remove' })),
    { action: 'set', node: gone, kind: 'directory' },
  ];
  for (const { action, node: told, kind } of rows) {
    it(`[D06] reads ${action} of a ${'value' in told ? 'value' : 'directory'} as ${kind}`, () => {
      const event = readEvent(answer({ action, node: told, prevNode: node }), SIDE);
      assert.deepEqual([event.kind, event.key, event.index], [kind, '/a', '41']);
    });
  }

  it('[P15] tells a history that went on too far, in the words of etcd', () => {
    const cause = 'the requested history has been cleared [1008/8]';
    const message = 'The event in requested index is outdated and cleared';
    const body = { errorCode: 401, message, cause, index: 2007 };
    const failure = failureOf(() => readEvent(answer(body, { status: 400 }), SIDE));
    assert.equal(failure.code, 'outrun');
    assert.match(failure.message, /has been cleared \[1008\/8\]/);
  });

  it('tells an answer without an event, and one it does not know, as unavailable', () => {
    assert.match(failureOf(() => readEvent(answer(''), SIDE)).message, /ended a watch/);
    const unknown = answer({ action: 'invent', node });
    assert.match(failureOf(() => readEvent(unknown, SIDE)).message, /an event of another shape/);
  });
});
