import assert from 'node:assert/strict';
import { MemoryLog } from '../../sim/log.ts';
import { ConnectionLimit } from '../../src/app/connection-limit.ts';

describe('ConnectionLimit', () => {
  it('takes connections up to the limit, and none over it', () => {
    const { limit } = limitOf(3);
    assert.deepEqual(
      [0, 2, 3, 4].map((open) => limit.takes(open)),
      [true, true, false, false],
    );
  });

  it('says once that it refuses, however many that are, and once that it no longer does', () => {
    const { limit, log } = limitOf(10);
    for (let refused = 0; refused < 7; refused += 1) limit.takes(10);
    assert.deepEqual(log.messages('warn'), [
      'the limit of open connections (10) is reached: further ones are refused; see --max-connections',
    ]);
    assert.equal(limit.takes(9), true, 'a free place is taken at once');
    assert.deepEqual(log.messages('info'), [], 'a count at the edge is not told each time');
    limit.left(9);
    limit.left(8);
    limit.left(7);
    assert.deepEqual(log.messages('info'), [
      'connections are taken again: 8 of at most 10 are open; refused meanwhile: 7',
    ]);
    limit.takes(10);
    assert.equal(log.messages('warn').length, 2, 'the next time is said again');
  });

  it('says nothing while nothing was refused', () => {
    const { limit, log } = limitOf(2);
    limit.takes(1);
    limit.left(1);
    limit.left(0);
    assert.deepEqual(log.messages(), []);
  });

  it('no longer refuses when a single connection is all there may be, and it has ended', () => {
    const { limit, log } = limitOf(1);
    limit.takes(1);
    limit.left(0);
    assert.equal(log.messages('info').length, 1);
  });
});

function limitOf(max: number): { readonly limit: ConnectionLimit; readonly log: MemoryLog } {
  const log = new MemoryLog();
  return { limit: new ConnectionLimit({ log }, max), log };
}
