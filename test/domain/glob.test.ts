import assert from 'node:assert/strict';
import fc from 'fast-check';
import { globsOverlap, matchesGlob } from '../../src/domain/glob.ts';

const glob = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 });
const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 8 });

/** What a glob means, by an engine that backtracks. */
function byExpression(pattern: string, subject: string): boolean {
  return new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(subject);
}

describe('matchesGlob', () => {
  const rows = [
    { name: 'itself', glob: 'web-1', text: 'web-1', fits: true },
    { name: 'not more than itself', glob: 'web', text: 'web-1', fits: false },
    { name: 'what begins so', glob: 'web-*', text: 'web-1', fits: true },
    { name: 'the beginning alone', glob: 'web-*', text: 'web-', fits: true },
    {
      name: 'what has several parts in order',
      glob: '*shop*:1.*',
      text: 'r.example/shop/web:1.2',
      fits: true,
    },
    {
      name: 'not the parts in another order',
      glob: '*web*shop*',
      text: 'r.example/shop/web:1.2',
      fits: false,
    },
    { name: 'everything', glob: '*', text: '', fits: true },
    { name: 'nothing but the empty text without a star', glob: '', text: 'a', fits: false },
    { name: 'characters of expressions as themselves', glob: 'a.c(*', text: 'abc(d', fits: false },
  ];
  for (const { name, glob: pattern, text: subject, fits } of rows) {
    it(`means ${name}`, () => {
      assert.equal(matchesGlob(pattern, subject), fits);
    });
  }

  it('agrees with an expression that means the same', () => {
    fc.assert(
      fc.property(glob, text, (pattern, subject) => {
        assert.equal(matchesGlob(pattern, subject), byExpression(pattern, subject));
      }),
    );
  });

  it('is quick where an engine that backtracks would take for ever', () => {
    assert.equal(matchesGlob('*a'.repeat(200), `${'a'.repeat(5_000)}b`), false);
  });
});

describe('globsOverlap', () => {
  it('sees every text that both mean', () => {
    fc.assert(
      fc.property(glob, glob, text, (a, b, subject) => {
        if (matchesGlob(a, subject) && matchesGlob(b, subject)) assert(globsOverlap(a, b), `${a} ${b}`);
      }),
    );
  });

  it('sees none where there is none, in either order', () => {
    const texts = textsUpTo(6);
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 3 }),
        fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 3 }),
        (a, b) => {
          const isShared = texts.some((each) => byExpression(a, each) && byExpression(b, each));
          assert.equal(globsOverlap(a, b), isShared, `${a} ${b}`);
          assert.equal(globsOverlap(b, a), isShared, `${b} ${a}`);
        },
      ),
    );
  });
});

function textsUpTo(length: number): readonly string[] {
  let last = [''];
  const all = [...last];
  for (let n = 0; n < length; n += 1) {
    last = last.flatMap((each) => [`${each}a`, `${each}b`]);
    all.push(...last);
  }
  return all;
}
