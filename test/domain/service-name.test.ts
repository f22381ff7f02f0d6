import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseServiceName, wildcardOffset } from '../../src/domain/service-name.ts';

describe('parseServiceName', () => {
  for (const { name, text, is } of [
    { name: 'takes a path', text: '/services/prod/redis', is: '/services/prod/redis' },
    { name: 'takes a plain name', text: 'frontend_http', is: 'frontend_http' },
    { name: 'takes every sign it may', text: 'a.b-c_d/E9', is: 'a.b-c_d/E9' },
    { name: 'takes a wildcard segment', text: '/services/*/redis', is: '/services/*/redis' },
    { name: 'takes a last wildcard segment', text: '/services/*', is: '/services/*' },
    { name: 'drops slashes at the end', text: '/services/prod//', is: '/services/prod' },
    { name: 'takes the longest', text: 'a'.repeat(512), is: 'a'.repeat(512) },
  ]) {
    it(`[C1] ${name}`, () => {
      assert.deepEqual(parseServiceName(text), { ok: true, value: is });
    });
  }

  for (const { name, text, offset, message } of [
    { name: 'an empty name', text: '', offset: 0, message: 'the service name is empty' },
    { name: 'a lone slash', text: '/', offset: 0, message: 'the service name is empty' },
    { name: 'a space', text: 'a b', offset: 1, message: "' ' cannot stand in a service name" },
    { name: 'a whole sign outside the first plane', text: 'a💡', offset: 1, message: "'💡' cannot stand" },
    {
      name: 'an empty segment',
      text: '/a//b',
      offset: 3,
      message: 'a path segment of the service name is empty',
    },
    {
      name: 'half a wildcard segment',
      text: '/a/b*',
      offset: 4,
      message: "'*' must be a whole path segment",
    },
    { name: 'a doubled wildcard', text: '/a/**', offset: 3, message: "'*' must be a whole path segment" },
    { name: 'too long a name', text: 'a'.repeat(513), offset: 512, message: 'longer than 512 characters' },
  ]) {
    it(`[C1] points at ${name}`, () => {
      const result = parseServiceName(text);
      assert(!result.ok, 'it must be refused');
      assert.deepEqual(
        result.faults.map((fault) => fault.offset),
        [offset],
      );
      assert(result.faults[0]?.message.includes(message), result.faults[0]?.message);
    });
  }

  it('tells all that is wrong at once', () => {
    const result = parseServiceName('/a//b c/d*');
    assert(!result.ok);
    assert.equal(result.faults.length, 3);
  });

  it('never throws, points within the text, and reads its own answer as itself', () => {
    const nearly = fc.stringMatching(/^[a-b/.*_ -]{0,12}$/);
    fc.assert(
      fc.property(fc.oneof(fc.string(), nearly), (text) => {
        const result = parseServiceName(text);
        if (result.ok) assert.deepEqual(parseServiceName(result.value), result);
        else {
          assert(result.faults.length > 0);
          for (const { offset } of result.faults) assert(offset >= 0 && offset <= text.length, `${offset}`);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('wildcardOffset', () => {
  for (const [text, offset] of [
    ['/a/b', undefined],
    ['/a/*/b', 3],
    ['*', 0],
    ['/a/*/*', 3],
  ] as const) {
    it(`is ${String(offset)} for '${text}'`, () => {
      const result = parseServiceName(text);
      assert(result.ok);
      assert.equal(wildcardOffset(result.value), offset);
    });
  }
});
