import assert from 'node:assert/strict';
import { makeCall } from '../../sim/call.ts';
import { SimClock } from '../../sim/clock.ts';
import { EndpointHosts, WELL } from '../../sim/endpoint-hosts.ts';
import { SimNetwork } from '../../sim/network.ts';
import { Trace } from '../../sim/trace.ts';
import { at } from '../support/addresses.ts';
import { address } from '../support/endpoints.ts';
import { settle } from '../support/settle.ts';
import type { CallOutcome } from '../../sim/call.ts';
import type { Behaviour } from '../../sim/endpoint-hosts.ts';

const HOST = at('10.0.0.1:80');
const { signal } = new AbortController();

/** Calls a host that behaves in a way; tells what came of it, and when. */
async function callTo(behaviour: Behaviour): Promise<{ outcome: CallOutcome; tookMs: number }> {
  const clock = new SimClock(settle);
  const network = new SimNetwork({ clock });
  const lines: string[] = [];
  const hosts = new EndpointHosts({
    clock,
    network,
    trace: new Trace({ clock }, (line) => lines.push(line)),
  });
  await hosts.add(HOST);
  await hosts.behave(HOST, behaviour);
  assert.equal(hosts.isWell(HOST), behaviour === WELL);
  assert.equal(lines.length, behaviour === WELL ? 1 : 2);
  const host = network.host([address('172.17.0.2')]);
  let tookMs = 0;
  const calling = makeCall({ clock, host }, { to: HOST, bytes: 20_000, pauseMs: 0, signal });
  void calling.then(() => (tookMs = clock.monotonicMs()));
  await clock.advance(100_000);
  assert.equal(clock.pendingTimers, 0);
  assert.equal(network.openConnections, 0);
  return { outcome: await calling, tookMs };
}

describe('EndpointHosts', () => {
  const rows: readonly {
    readonly name: string;
    readonly behaviour: Behaviour;
    readonly kind: CallOutcome['kind'];
    readonly isWhole?: boolean;
    readonly tookMs: number;
  }[] = [
    { name: 'serves', behaviour: WELL, kind: 'reached', isWhole: true, tookMs: 0 },
    { name: 'refuses', behaviour: { kind: 'refuse' }, kind: 'refused', tookMs: 0 },
    { name: 'hangs', behaviour: { kind: 'hang' }, kind: 'silent', tookMs: 20_000 },
    { name: 'is not there', behaviour: { kind: 'vanish' }, kind: 'refused', tookMs: 3_000 },
    {
      name: 'answers late',
      behaviour: { kind: 'accept', answersAfterMs: 700 },
      kind: 'reached',
      isWhole: true,
      tookMs: 700,
    },
    {
      name: 'dies in mid-stream',
      behaviour: { kind: 'accept', diesAfterBytes: 5_000 },
      kind: 'reached',
      isWhole: false,
      tookMs: 0,
    },
    {
      name: 'reads slowly',
      behaviour: { kind: 'accept', readsEveryMs: 100 },
      kind: 'reached',
      isWhole: true,
      tookMs: 500,
    },
  ];
  for (const { name, behaviour, kind, isWhole, tookMs } of rows) {
    it(`has a host that ${name}`, async () => {
      const call = await callTo(behaviour);
      assert.equal(call.outcome.kind, kind);
      if (call.outcome.kind === 'reached') assert.equal(call.outcome.isWhole, isWhole);
      assert.equal(call.tookMs, tookMs);
    });
  }
});
