import assert from 'node:assert/strict';
import { AddressHandover } from '../../../sim/checkers/address-handover.ts';
import { SimClock } from '../../../sim/clock.ts';
import { simulate } from '../../../sim/run.ts';
import { Truth } from '../../../sim/truth.ts';
import { consumer, descriptor, serviceName } from '../../support/bindings.ts';
import { address, endpoint, port } from '../../support/endpoints.ts';
import { settle } from '../../support/settle.ts';
import type { Finding } from '../../../sim/checkers/checker.ts';

const AT = address('172.17.0.2');
const OLD = consumer('old', { wants: ['/a;80'] });
const YOUNG = consumer('new', { wants: [], startedAt: '2026-01-02T00:00:00Z' });

/** A container that wants port 80 had the address for a second; from then on another has it. */
async function handedOver(): Promise<{
  readonly clock: SimClock;
  readonly checker: AddressHandover;
  readonly findings: readonly Finding[];
  readonly serve: () => void;
}> {
  const clock = new SimClock(settle);
  const truth = new Truth({ clock }, { provider: 100_000, discovery: 1_000 });
  const findings: Finding[] = [];
  const checker = new AddressHandover({ clock, truth }, (finding) => findings.push(finding));
  truth.register(serviceName('/a'), endpoint(1));
  truth.hold(AT, { container: 'old', wants: [descriptor('/a;80')] });
  checker.onTold({ kind: 'snapshot', consumers: [OLD], interfaces: [], problems: [] });
  await clock.advance(1_000);
  truth.release(AT);
  truth.hold(AT, { container: 'new', wants: [] });
  const serve = (): void => {
    const nowMs = clock.monotonicMs();
    checker.onCall({
      container: 'new',
      source: AT,
      port: port(80),
      ...{ atMs: nowMs, endedAtMs: nowMs },
      outcome: { kind: 'reached', endpoint: '10.0.0.2:80', reachedAtMs: nowMs, isWhole: true },
    });
  };
  return { clock, checker, findings, serve };
}

describe('AddressHandover', () => {
  it('[C10] measures how long an old binding serves that no input told of', async () => {
    const { clock, checker, findings, serve } = await handedOver();
    assert.deepEqual(checker.window, { count: 0, maxMs: 0, p99Ms: 0 });
    for (const ms of [200, 300]) {
      await clock.advance(ms);
      serve();
    }
    assert.deepEqual(checker.window, { count: 1, maxMs: 500, p99Ms: 500 });
    assert.deepEqual(findings, []);
  });

  it('[C10] objects to an old binding that serves after an input told of its end', async () => {
    const { clock, checker, findings, serve } = await handedOver();
    checker.onTold({ kind: 'changes', changes: [{ kind: 'upsert', value: YOUNG }], problems: [] });
    await clock.advance(20);
    serve();
    assert.deepEqual(findings, []);
    await clock.advance(1);
    serve();
    assert.deepEqual(
      findings.map(({ expected }) => expected),
      ['new (172.17.0.2) to port 80: only what it asked for, as far as an input told: nothing'],
    );
  });

  it('[C10] objects to an old binding that outlives the resync of the engine', async () => {
    const { clock, findings, serve } = await handedOver();
    await clock.advance(35_500);
    serve();
    assert.deepEqual(findings, []);
    await clock.advance(1);
    serve();
    assert.equal(findings.length, 1);
  });

  it('leaves what nobody with the address ever asked for to others', async () => {
    const { clock, checker, findings } = await handedOver();
    await clock.advance(60_000);
    const nowMs = clock.monotonicMs();
    checker.onCall({
      container: 'new',
      source: AT,
      port: port(81),
      ...{ atMs: nowMs, endedAtMs: nowMs },
      outcome: { kind: 'reached', endpoint: '10.0.0.2:80', reachedAtMs: nowMs, isWhole: true },
    });
    assert.deepEqual(findings, []);
  });

  it('[C10] meets windows in a run in which the engine is away, none beyond what that excuses', async () => {
    const { counts } = await simulate({ settle, sink: () => undefined }, { seed: 37, minutes: 2 });
    const maxMs = counts.get('address handed over: old binding served for ms at most') ?? 0;
    assert(maxMs > 0 && maxMs < 60_000, `${maxMs} ms`);
  });
});
