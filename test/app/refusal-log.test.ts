import assert from 'node:assert/strict';
import { SimClock } from '../../sim/clock.ts';
import { MemoryLog } from '../../sim/log.ts';
import { RefusalLog } from '../../src/app/refusal-log.ts';
import { at } from '../support/addresses.ts';
import { binding, poolOf } from '../support/bindings.ts';
import { address } from '../support/endpoints.ts';
import { settle } from '../support/settle.ts';
import type { Refusal } from '../../src/app/refusal-log.ts';

const ROUTE = { binding: binding('172.17.0.2', '/a;80'), pool: poolOf('/a;80', []) };
const REFUSAL: Refusal = {
  source: address('172.17.0.2'),
  destination: at('172.17.0.1:80'),
  reason: 'no endpoint',
  route: ROUTE,
};

describe('RefusalLog', () => {
  const lines: readonly { readonly name: string; readonly refusal: Refusal; readonly line: string }[] = [
    {
      name: 'an unbound port, by address',
      refusal: { ...REFUSAL, reason: 'unbound', route: undefined },
      line: 'refused 172.17.0.2 to 172.17.0.1:80: this consumer has no binding of that port',
    },
    {
      name: 'a destination that is not known',
      refusal: { ...REFUSAL, reason: 'unbound', route: undefined, destination: undefined },
      line: 'refused 172.17.0.2 to an unknown destination: this consumer has no binding of that port',
    },
    {
      name: 'a service that is not known yet',
      refusal: { ...REFUSAL, reason: 'unknown' },
      line:
        'refused c1 (172.17.0.2) to 172.17.0.1:80: ' +
        'nothing is known of service /a yet (discovery has not answered)',
    },
    {
      name: 'a service without endpoint',
      refusal: REFUSAL,
      line: 'refused c1 (172.17.0.2) to 172.17.0.1:80: service /a has no endpoint',
    },
    {
      name: 'endpoints that do not answer',
      refusal: { ...REFUSAL, reason: 'all dials failed' },
      line: 'refused c1 (172.17.0.2) to 172.17.0.1:80: no endpoint of service /a answered',
    },
    {
      name: 'the limit, with its option',
      refusal: { ...REFUSAL, reason: 'limit', route: undefined },
      line:
        'refused 172.17.0.2 to 172.17.0.1:80: ' +
        'the limit of open connections is reached (--max-connections)',
    },
  ];
  for (const { name, refusal, line } of lines) {
    it(`says in words: ${name}`, () => {
      const { log, refusals } = bench();
      refusals.say(refusal);
      assert.deepEqual(log.messages(), [line]);
    });
  }

  it('says one kind once a minute, however often it is repeated', async () => {
    const { clock, log, refusals } = bench();
    for (let second = 0; second < 120; second += 1) {
      refusals.say(REFUSAL);
      await clock.advance(1_000);
    }
    assert.equal(log.lines.length, 2);
  });

  it('tells kinds apart by consumer, destination and reason', () => {
    const { log, refusals } = bench();
    refusals.say(REFUSAL);
    refusals.say({ ...REFUSAL, source: address('172.17.0.3') });
    refusals.say({ ...REFUSAL, destination: at('172.17.0.1:81') });
    refusals.say({ ...REFUSAL, reason: 'unknown' });
    assert.equal(log.lines.length, 4);
  });

  it('writes a bounded count of lines in a minute, and says so', async () => {
    const { clock, log, refusals } = bench();
    const scan = (): void => {
      for (let n = 1; n <= 65_535; n += 1) refusals.say({ ...REFUSAL, destination: at(`172.17.0.1:${n}`) });
    };
    scan();
    scan();
    assert.equal(log.lines.length, 101);
    assert.deepEqual(log.messages('warn'), [
      'more than 100 kinds of refusals in a minute; further ones are only counted',
    ]);
    await clock.advance(60_000);
    refusals.say(REFUSAL);
    assert.equal(log.lines.length, 102, 'the next minute speaks again');
  });
});

function bench(): { readonly clock: SimClock; readonly log: MemoryLog; readonly refusals: RefusalLog } {
  const clock = new SimClock(settle);
  const log = new MemoryLog();
  return { clock, log, refusals: new RefusalLog({ clock, log }) };
}
