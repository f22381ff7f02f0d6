import assert from 'node:assert/strict';
import { tracePacket } from '../../../sim/iptables/trace-packet.ts';
import { RealHost } from './real-packets.ts';
import { TRACE_CASES } from './trace-cases.ts';
import { hostWith, inWords, packetOf } from './traced-host.ts';
import { at } from '../../support/addresses.ts';
import type { TraceCase } from './trace-cases.ts';

/** The first source port: each packet has its own, so that it begins a connection. */
const FIRST_PORT = 42_000;

describe('tracePacket beside the kernel of this machine', () => {
  let host: RealHost | undefined;

  before(function () {
    const opened = RealHost.open();
    if (!('skip' in opened)) {
      host = opened;
      return;
    }
    const first = this.test?.parent?.tests[0];
    if (first !== undefined) first.title += ` (skipped: ${opened.skip})`;
    this.skip();
  });

  after(() => host?.[Symbol.dispose]());

  for (const [index, row] of TRACE_CASES.filter(canBeSent).entries()) {
    it(`agrees: ${row.name}`, () => {
      assert(host !== undefined, 'opened before');
      const { address } = at(row.source);
      const packet = packetOf({ ...row, source: `${address}:${FIRST_PORT + index}` });
      const trace = tracePacket(hostWith(...row.rules), packet);
      const to = 'to' in trace ? trace.to : undefined;
      const expected = to === undefined ? 'stopped' : inWords(trace);
      assert.equal(host.send(row.rules, packet, to), expected, trace.steps.join('\n'));
    });
  }
});

/** First packets of IPv4, to where the other side can send. */
function canBeSent({ state, source, destination }: TraceCase): boolean {
  return state === undefined && !source.startsWith('[') && !destination.startsWith('127.');
}
