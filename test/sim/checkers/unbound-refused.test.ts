import assert from 'node:assert/strict';
import { checkUnboundRefused } from '../../../sim/checkers/unbound-refused.ts';
import { SimClock } from '../../../sim/clock.ts';
import { Truth } from '../../../sim/truth.ts';
import { descriptor } from '../../support/bindings.ts';
import { address, port } from '../../support/endpoints.ts';
import { settle } from '../../support/settle.ts';
import type { Call } from '../../../sim/call.ts';

const C1 = address('172.17.0.2');

describe('checkUnboundRefused', () => {
  const CALL: Call = {
    container: 'c1',
    source: C1,
    port: port(80),
    atMs: 10_000,
    endedAtMs: 10_050,
    outcome: { kind: 'refused' },
  };
  const rows: readonly { readonly name: string; readonly call: Partial<Call>; readonly violated: boolean }[] =
    [
      { name: 'allows a refusal in time', call: {}, violated: false },
      { name: 'objects to a late refusal', call: { endedAtMs: 10_101 }, violated: true },
      { name: 'objects to silence', call: { outcome: { kind: 'silent' } }, violated: true },
      {
        name: 'objects to an answer',
        call: { outcome: { kind: 'reached', endpoint: 'x', reachedAtMs: 10_010, isWhole: true } },
        violated: true,
      },
      {
        name: 'does not judge a caller that went away',
        call: { outcome: { kind: 'given up' } },
        violated: false,
      },
    ];
  for (const { name, call, violated } of rows) {
    it(name, () => {
      const truth = new Truth({ clock: new SimClock(settle) }, { provider: 1_000, discovery: 1_000 });
      assert.equal(checkUnboundRefused({ ...CALL, ...call }, truth) !== undefined, violated);
    });
  }

  it('excuses silence while the rules are not in force, and five seconds more, but no answer', async () => {
    const clock = new SimClock(settle);
    const truth = new Truth({ clock }, { provider: 1_000, discovery: 1_000 });
    await clock.advance(2_000);
    truth.kernelTroubleBegan('a wipe');
    truth.kernelTroubleEnded('a wipe');
    const silent = (atMs: number): Call => ({
      ...CALL,
      atMs,
      endedAtMs: atMs + 20_000,
      outcome: { kind: 'silent' },
    });
    assert.equal(checkUnboundRefused(silent(7_000), truth), undefined);
    assert.notEqual(checkUnboundRefused(silent(7_001), truth), undefined);
    const outcome = { kind: 'reached', endpoint: 'x', reachedAtMs: 2_000, isWhole: true } as const;
    assert.notEqual(checkUnboundRefused({ ...CALL, atMs: 2_000, outcome }, truth), undefined);
  });

  it('[C10] excuses the binding of an earlier holder within the bound, and no longer', async () => {
    const clock = new SimClock(settle);
    const truth = new Truth({ clock }, { provider: 1_000, discovery: 1_000 });
    truth.hold(C1, { container: 'old', wants: [descriptor('/a;80')] });
    await clock.advance(5_000);
    truth.release(C1);
    truth.hold(C1, { container: 'new', wants: [] });
    const served = (atMs: number): Call => ({
      ...CALL,
      atMs,
      outcome: { kind: 'reached', endpoint: 'x', reachedAtMs: atMs, isWhole: true },
    });
    assert.equal(checkUnboundRefused(served(6_000), truth), undefined);
    assert.notEqual(checkUnboundRefused(served(6_001), truth), undefined);
  });
});
