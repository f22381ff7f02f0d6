import assert from 'node:assert/strict';
import { Counters } from '../../../src/adapters/metrics/counters.ts';

describe('Counters', () => {
  it('counts each fact by itself', () => {
    const counters = new Counters();
    counters.connectionAccepted();
    counters.connectionAccepted();
    counters.connectionRefused('unbound');
    counters.connectionRefused('unbound');
    counters.connectionRefused('limit');
    counters.connectionEnded('finished', { toUpstream: 10, toDownstream: 20 });
    counters.connectionEnded('reset', { toUpstream: 1, toDownstream: 2 });
    counters.dialSucceeded(5);
    counters.dialSucceeded(7);
    counters.dialFailed();
    counters.endpointEjected();
    counters.limitReached('max-connections');
    counters.synced();
    counters.syncFailed();
    counters.discoveryFailed();
    assert.deepEqual(counters.values, {
      accepted: 2,
      refused: new Map([
        ['unbound', 2],
        ['limit', 1],
      ]),
      ended: new Map([
        ['finished', 1],
        ['reset', 1],
      ]),
      bytesToUpstream: 11,
      bytesToDownstream: 22,
      dialsSucceeded: 2,
      dialsFailed: 1,
      endpointsEjected: 1,
      dialElapsedMs: 12,
      limitsReached: new Map([['max-connections', 1]]),
      synced: 1,
      syncsFailed: 1,
      discoveriesFailed: 1,
    });
  });

  it('hands out a copy that stays as it is', () => {
    const counters = new Counters();
    const before = counters.values;
    counters.connectionRefused('unbound');
    counters.connectionAccepted();
    assert.equal(before.accepted, 0);
    assert.equal(before.refused.size, 0);
  });

  describe('summary', () => {
    it('says so when nothing happened', () => {
      assert.equal(new Counters().summary(), 'served 0 connections');
    });

    it('tells connections, bytes, refusals by reason and failed dials', () => {
      const counters = new Counters();
      for (const reason of ['no endpoint', 'unbound', 'unbound', 'unbound'] as const) {
        counters.connectionRefused(reason);
      }
      counters.connectionEnded('finished', { toUpstream: 1_234, toDownstream: 5_000_000 });
      counters.connectionEnded('half-close timeout', { toUpstream: 0, toDownstream: 0 });
      counters.dialFailed();
      assert.equal(
        counters.summary(),
        'served 2 connections, 1.2 kB to endpoints and 5.0 MB back, ' +
          'refused 4 (unbound 3, no endpoint 1), 1 dial failed',
      );
    });

    const BYTES = [
      [0, '0 bytes'],
      [999, '999 bytes'],
      [1_000, '1.0 kB'],
      [999_949, '999.9 kB'],
      [999_950, '1.0 MB'],
      [2_500_000_000, '2.5 GB'],
    ] as const;
    for (const [bytes, expected] of BYTES) {
      it(`writes ${bytes} bytes as ${expected}`, () => {
        const counters = new Counters();
        counters.connectionEnded('finished', { toUpstream: bytes, toDownstream: 0 });
        assert.equal(counters.summary(), `served 1 connection, ${expected} to endpoints and 0 bytes back`);
      });
    }
  });
});
