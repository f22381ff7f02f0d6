import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { MemoryLog } from '../../../sim/log.ts';
import { AcceptFailures } from '../../../src/adapters/node/accept-failures.ts';
import { at } from '../../support/addresses.ts';

describe('AcceptFailures', () => {
  it('says a run of failures once, and the next run again', () => {
    const log = new MemoryLog();
    const failures = new AcceptFailures({ log }, at('127.0.0.1:9999'));
    for (let count = 0; count < 3; count += 1) failures.add(-constants.errno.ENOBUFS);
    assert.deepEqual(log.messages('warn'), ['cannot accept connections at 127.0.0.1:9999: ENOBUFS']);
    failures.reset();
    failures.add(-constants.errno.ENOMEM);
    assert.equal(log.messages('warn').length, 2);
  });
});
