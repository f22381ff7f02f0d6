import assert from 'node:assert/strict';
import { MarathonCalls } from '../../../src/adapters/marathon/marathon-calls.ts';
import { SimClock } from '../../../sim/clock.ts';
import { settle } from '../../support/settle.ts';
import type { MarathonClient } from '../../../src/adapters/marathon/marathon-client.ts';

const MASTERS = ['m1.example:8080', '[fd00::2]:8080', 'm3.example:80', 'm4.example:443'];

describe('MarathonCalls', () => {
  for (const { name, location, master } of [
    { name: 'a master given', location: 'http://[fd00::2]:8080/v2/events', master: 1 },
    { name: 'a master in capitals', location: 'HTTP://M1.Example:8080/v2/apps/a?x=1', master: 0 },
    { name: 'a master without the port of HTTP', location: 'http://m3.example/v2/events', master: 2 },
    { name: 'a master without the port of HTTPS', location: 'https://m4.example', master: 3 },
    { name: 'a stranger', location: 'http://elsewhere.example:8080/v2/events', master: undefined },
    { name: 'a stranger behind a user', location: 'http://m1.example:8080@elsewhere:80/', master: undefined },
    { name: 'another port of a master', location: 'http://m1.example:9090/', master: undefined },
    { name: 'a path', location: '/v2/events', master: undefined },
    { name: 'nothing', location: undefined, master: undefined },
  ]) {
    it(`${master === undefined ? 'refuses' : 'follows'} a redirect to ${name}`, () => {
      const client: Pick<MarathonClient, 'masters'> = { masters: MASTERS };
      const calls = new MarathonCalls({ client: client as MarathonClient, clock: new SimClock(settle) });
      assert.equal(calls.follow(location), master !== undefined);
      assert.equal(calls.master, master ?? 0);
    });
  }
});
