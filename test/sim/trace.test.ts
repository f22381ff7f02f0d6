import assert from 'node:assert/strict';
import { SimClock } from '../../sim/clock.ts';
import { simulate } from '../../sim/run.ts';
import { Trace, TraceLog } from '../../sim/trace.ts';
import { settle } from '../support/settle.ts';
import type { RunOptions } from '../../sim/run.ts';

describe('Trace', () => {
  it('writes simulated seconds, who and what', async () => {
    const clock = new SimClock(settle);
    const lines: string[] = [];
    const trace = new Trace({ clock }, (line) => lines.push(line));
    await clock.advance(61_005);
    trace.event('docker', 'c1 starts');
    new TraceLog(trace).warn('it is late', { ageMs: 5 });
    assert.deepEqual(lines, ['   61.005 docker    c1 starts', '   61.005 embassy   warn it is late ageMs=5']);
  });
});

describe('simulate', () => {
  for (const sources of ['adapters', 'memory'] as const) {
    it(`gives the same trace for the same seed, byte for byte, with ${sources}`, async () => {
      const [first, second] = [
        await traceOf({ seed: 42, minutes: 0.5, sources }),
        await traceOf({ seed: 42, minutes: 0.5, sources }),
      ];
      assert(first.length > 10_000, 'a trace that says little proves little');
      assert.equal(first, second);
    });
  }

  it('gives other traces for other seeds', async () => {
    assert.notEqual(await traceOf({ seed: 1, minutes: 0.1 }), await traceOf({ seed: 2, minutes: 0.1 }));
  });

  it('finds nothing wrong without any adapter in between', async () => {
    const report = await simulate(
      { settle, sink: () => undefined },
      { seed: 3, minutes: 1, sources: 'memory' },
    );
    assert.deepEqual(report.violations, []);
    assert((report.counts.get('calls reached') ?? 0) > 100, 'the run must do something');
    assert((report.counts.get('addresses reused') ?? 0) > 0);
  });
});

async function traceOf(options: RunOptions): Promise<string> {
  const lines: string[] = [];
  await simulate({ settle, sink: (line) => lines.push(line) }, options);
  return lines.join('\n');
}
