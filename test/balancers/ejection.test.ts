import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Ejection, EJECTION_DEFAULT } from '../../src/balancers/ejection.ts';

const KEYS = ['a', 'b', 'c', 'd'];

/** An ejection of four endpoints, and a way to fail one so often that it is ejected if it may be. */
function bench(keys: readonly string[] = KEYS): {
  readonly ejection: Ejection;
  readonly eject: (key: string, nowMs: number, sidelined?: number) => number | undefined;
} {
  const ejection = new Ejection(EJECTION_DEFAULT);
  ejection.update(new Set(keys));
  return {
    ejection,
    eject: (key, nowMs, sidelined = 0) => {
      let lastsMs: number | undefined;
      for (let n = 0; n < EJECTION_DEFAULT.failures; n += 1) {
        lastsMs ??= ejection.failed(key, { nowMs, sidelined });
      }
      return lastsMs;
    },
  };
}

describe('Ejection', () => {
  it('ejects after five failures in a row, not before, and not when one dial in between succeeded', () => {
    const { ejection } = bench();
    const now = { nowMs: 0, sidelined: 0 };
    for (let n = 0; n < 4; n += 1) assert.equal(ejection.failed('a', now), undefined);
    ejection.succeeded('a');
    for (let n = 0; n < 4; n += 1) assert.equal(ejection.failed('a', now), undefined);
    assert.equal(ejection.failed('a', now), 30_000);
    assert.deepEqual([...ejection.ejected], [['a', 30_000]]);
  });

  it('readmits when the time has come, and ejects for longer each time, up to a cap', () => {
    const { ejection, eject } = bench();
    let nowMs = 0;
    const lasted: (number | undefined)[] = [];
    for (let n = 0; n < 12; n += 1) {
      const lastsMs = eject('a', nowMs);
      lasted.push(lastsMs);
      nowMs += lastsMs ?? 0;
      assert.deepEqual(ejection.readmit(nowMs - 1), []);
      assert.deepEqual(ejection.readmit(nowMs), ['a']);
    }
    const seconds = [30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300, 300];
    assert.deepEqual(
      lasted,
      seconds.map((each) => each * 1_000),
    );
  });

  it('forgives one ejection for each base time served well', () => {
    const { ejection, eject } = bench();
    eject('a', 0);
    ejection.readmit(30_000);
    assert.equal(eject('a', 31_000), 60_000);
    ejection.readmit(91_000);
    assert.equal(eject('a', 91_000 + 60_000), 30_000, 'two of two are forgiven after twice the base time');
  });

  it('[P35] ejects at most half of the endpoints', () => {
    const { ejection, eject } = bench();
    assert.equal(eject('a', 0), 30_000);
    assert.equal(eject('b', 0), 30_000);
    assert.equal(eject('c', 0), undefined);
    ejection.readmit(30_000);
    assert.equal(ejection.failed('c', { nowMs: 30_000, sidelined: 0 }), 30_000, 'there is room now');
  });

  it('[P35] never ejects the last endpoint, counting those that fail their check as gone', () => {
    assert.equal(bench(['a']).eject('a', 0), undefined);
    assert.equal(bench(['a', 'b', 'c']).eject('a', 0, 1), undefined);
    assert.equal(bench(['a', 'b']).eject('a', 0), 30_000);
  });

  it('[P35] lets go those over the half when the set shrinks, the earliest first', () => {
    const { ejection, eject } = bench();
    eject('a', 0);
    eject('b', 1_000);
    ejection.update(new Set(['a', 'b', 'c']));
    assert.deepEqual([...ejection.ejected.keys()], ['b']);
    ejection.update(new Set(['b']));
    assert.equal(ejection.ejected.size, 0);
  });

  it('forgets whoever left, and remembers nothing of whoever never failed', () => {
    const { ejection, eject } = bench();
    ejection.succeeded('b');
    assert.equal(ejection.size, 0);
    eject('a', 0);
    ejection.update(new Set(['b', 'c']));
    assert.equal(ejection.size, 0);
    ejection.update(new Set(KEYS));
    assert.equal(ejection.ejected.size, 0, 'who returns starts anew');
    assert.equal(ejection.failed('gone', { nowMs: 0, sidelined: 0 }), undefined);
    assert.equal(ejection.size, 0);
  });

  it('ejects nobody when it is switched off', () => {
    const ejection = new Ejection({ ...EJECTION_DEFAULT, failures: 0 });
    ejection.update(new Set(KEYS));
    for (let n = 0; n < 100; n += 1) ejection.failed('a', { nowMs: n, sidelined: 0 });
    assert.equal(ejection.size, 0);
  });

  it('[P35] leaves at least half, and one, whatever fails and whoever comes and goes', () => {
    const key = fc.constantFrom(...KEYS, 'e');
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.record({ fails: key }) },
      fc.record({ succeeds: key }),
      fc.record({ set: fc.uniqueArray(key, { minLength: 1 }) }),
      fc.record({ passMs: fc.integer({ min: 0, max: 40_000 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const { ejection } = bench();
        let [present, nowMs] = [new Set(KEYS), 0];
        for (const taken of steps) {
          if ('fails' in taken) ejection.failed(taken.fails, { nowMs, sidelined: 0 });
          if ('succeeds' in taken) ejection.succeeded(taken.succeeds);
          if ('set' in taken) ejection.update((present = new Set(taken.set)));
          if ('passMs' in taken) ejection.readmit((nowMs += taken.passMs));
          const { ejected } = ejection;
          assert(ejected.size <= present.size / 2, 'at most half are ejected');
          for (const [gone, untilMs] of ejected) assert(present.has(gone) && untilMs > nowMs - 40_001);
          assert(ejection.size <= present.size, 'nothing is kept of who left');
        }
      }),
    );
  });
});
