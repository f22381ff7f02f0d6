import assert from 'node:assert/strict';
import { SimClock } from '../../sim/clock.ts';
import { MemoryLog } from '../../sim/log.ts';
import { EventLog } from '../../src/app/event-log.ts';
import { settle } from '../support/settle.ts';

describe('EventLog', () => {
  it('passes every line on, and keeps those that are not for debugging', () => {
    const log = new MemoryLog();
    const clock = new SimClock(settle);
    const events = new EventLog({ clock, log });
    let told = 0;
    const release = events.onLine(() => {
      told += 1;
    });
    events.debug('d');
    events.info('i', { a: 1 });
    events.warn('w');
    release();
    events.error('e');
    assert.deepEqual(log.messages(), ['d', 'i', 'w', 'e']);
    assert.deepEqual(log.lines[1]?.fields, { a: 1 });
    assert.equal(told, 2);
    assert.equal(events.last, 3);
    assert.deepEqual(
      events.after(1).map(({ sequence, level, message }) => `${sequence} ${level} ${message}`),
      ['2 warn w', '3 error e'],
    );
    assert.equal(events.after(0)[0]?.atMs, clock.wallMs());
  });
});
