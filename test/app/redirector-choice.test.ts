import assert from 'node:assert/strict';
import { MemoryLog } from '../../sim/log.ts';
import { RedirectorChoice } from '../../src/app/redirector-choice.ts';
import { RedirectorError } from '../../src/ports/redirector.ts';
import { captureOf } from '../support/capture-of.ts';
import type { Capture, Redirector } from '../../src/ports/redirector.ts';

const { signal } = new AbortController();
const CAPTURE = captureOf(['docker0']);

/** Holds a capture instead of rules. */
class Held implements Redirector {
  held: Capture | undefined;
  failure: RedirectorError | undefined;

  constructor(failure?: RedirectorError['code']) {
    this.failure = failure && errorOf(failure);
  }

  async ensure(capture: Capture): Promise<boolean> {
    if (this.failure !== undefined) throw this.failure;
    const isNew = this.held !== capture;
    this.held = capture;
    return isNew;
  }

  async cleanup(): Promise<boolean> {
    if (this.failure !== undefined) throw this.failure;
    const hadRules = this.held !== undefined;
    this.held = undefined;
    return hadRules;
  }
}

function errorOf(code: RedirectorError['code']): RedirectorError {
  return new RedirectorError(code, `${code} here.`, { hint: 'Mend it.' });
}

function choice(first: Redirector, second: Redirector): { made: RedirectorChoice; log: MemoryLog } {
  const log = new MemoryLog();
  const candidates = [
    { name: 'one', redirector: first },
    { name: 'two', redirector: second },
  ];
  return { made: new RedirectorChoice(candidates, log), log };
}

describe('RedirectorChoice', () => {
  it('writes with the first, and removes what an earlier run wrote with the other', async () => {
    const [first, second] = [new Held(), new Held()];
    await second.ensure(CAPTURE);
    const { made, log } = choice(first, second);
    assert.equal(await made.ensure(CAPTURE, { signal }), true);
    assert.equal(await made.ensure(CAPTURE, { signal }), false);
    assert.deepEqual([first.held, second.held], [CAPTURE, undefined]);
    assert.deepEqual(log.messages('info'), ['what an earlier run wrote with two is removed']);
  });

  it('writes with the second where the first has no command, says so once, and stays with it', async () => {
    const [first, second] = [new Held('no-command'), new Held()];
    const { made, log } = choice(first, second);
    assert.equal(await made.ensure(CAPTURE, { signal }), true);
    first.failure = undefined;
    assert.equal(await made.ensure(CAPTURE, { signal }), false);
    assert.deepEqual([first.held, second.held], [undefined, CAPTURE]);
    assert.deepEqual(log.messages('info'), ['rules are written with two: no-command here']);
  });

  for (const code of ['no-privilege', 'busy', 'refused'] as const) {
    it(`does not turn to the second where the first is there, but fails: ${code}`, async () => {
      const [first, second] = [new Held(code), new Held()];
      const { made } = choice(first, second);
      await assert.rejects(made.ensure(CAPTURE, { signal }), { code });
      assert.equal(second.held, undefined);
    });
  }

  it('names all that could be installed where none is there', async () => {
    const { made } = choice(new Held('no-command'), new Held('no-command'));
    for (const attempt of [made.ensure(CAPTURE, { signal }), made.cleanup({ signal })]) {
      await assert.rejects(attempt, {
        code: 'no-command',
        inWords: 'no-command here; no-command here. Mend it. Or: Mend it.',
      });
    }
  });

  it('goes on where the other cannot be looked at, and says so', async () => {
    const { made, log } = choice(new Held(), new Held('busy'));
    assert.equal(await made.ensure(CAPTURE, { signal }), true);
    assert.deepEqual(log.messages('warn'), [
      'it cannot be told whether an earlier run left rules of two: busy here. Mend it.',
    ]);
  });

  it('[C9] removes what any of them wrote, also where one has no command', async () => {
    const [first, second] = [new Held('no-command'), new Held()];
    await second.ensure(CAPTURE);
    assert.equal(await choice(first, second).made.cleanup({ signal }), true);
    assert.equal(await choice(first, second).made.cleanup({ signal }), false);
  });
});
