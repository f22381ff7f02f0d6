import assert from 'node:assert/strict';
import { SimClock } from '../../../sim/clock.ts';
import { MemoryLog } from '../../../sim/log.ts';
import { HandOver } from '../../../src/app/upgrade/hand-over.ts';
import { SuccessorError } from '../../../src/ports/upgrade.ts';
import { settle } from '../../support/settle.ts';
import type { Successor } from '../../../src/ports/upgrade.ts';

const never = new AbortController().signal;
const UNKNOWN = 'nothing is known of service /web';

describe('HandOver', () => {
  it('[P37] gives the successor that knows everything', async () => {
    const bench = handing();
    const prepared = bench.handOver.prepare({ signal: never });
    bench.ready.resolve([]);
    assert.equal(await prepared, bench.successor);
    assert.equal(bench.killed(), 0);
    assert.deepEqual(bench.log.messages('error'), []);
    assert.equal(bench.clock.pendingTimers, 0);
  });

  it('[P37] gives one that lacks no more than this daemon does', async () => {
    const bench = handing({ waitingFor: [UNKNOWN] });
    bench.ready.resolve([UNKNOWN]);
    assert.equal(await bench.handOver.prepare({ signal: never }), bench.successor);
  });

  const failures: readonly {
    readonly name: string;
    readonly does: (bench: Bench) => Promise<void> | void;
    readonly says: RegExp;
  }[] = [
    {
      name: 'knows less',
      does: ({ ready }) => {
        ready.resolve([UNKNOWN]);
      },
      says: /it knows less: nothing is known of service \/web$/,
    },
    {
      name: 'ends',
      does: ({ ready }) => {
        ready.reject(new SuccessorError('the new one ended with status 2'));
      },
      says: /ended with status 2$/,
    },
    {
      name: 'says nothing for a minute',
      does: async ({ clock }) => clock.advance(60_000),
      says: /could not serve within 60 s$/,
    },
    {
      name: 'is too late, because this daemon stops',
      does: ({ stop }) => {
        stop.abort();
      },
      says: /this one was told to stop$/,
    },
  ];
  for (const { name, does, says } of failures) {
    it(`[P37] ends a successor that ${name}, says so, and may be asked again`, async () => {
      const bench = handing();
      const prepared = bench.handOver.prepare({ signal: bench.stop.signal });
      await does(bench);
      assert.equal(await prepared, undefined);
      assert.equal(bench.killed(), 1);
      const [line = '', ...rest] = bench.log.messages('error');
      assert.match(line, /^the upgrade failed and this daemon goes on: /);
      assert.match(line, says);
      assert.deepEqual(rest, []);
      assert.equal(bench.clock.pendingTimers, 0);
      void bench.handOver.prepare({ signal: never });
      assert.deepEqual(bench.log.messages('warn'), []);
    });
  }

  it('ends a successor at once where this daemon was told to stop before', async () => {
    const bench = handing();
    bench.stop.abort();
    assert.equal(await bench.handOver.prepare({ signal: bench.stop.signal }), undefined);
    assert.equal(bench.killed(), 1);
    assert.match(bench.log.messages('error')[0] ?? '', /this one was told to stop$/);
  });

  it('prepares one at a time', async () => {
    const bench = handing();
    const first = bench.handOver.prepare({ signal: never });
    assert.equal(await bench.handOver.prepare({ signal: never }), undefined);
    assert.deepEqual(bench.log.messages('warn'), ['an upgrade is under way; one at a time']);
    bench.ready.resolve([]);
    assert.equal(await first, bench.successor);
    assert.equal(bench.killed(), 0);
  });
});

interface Bench {
  readonly clock: SimClock;
  readonly log: MemoryLog;
  readonly handOver: HandOver;
  readonly successor: Successor;
  readonly ready: PromiseWithResolvers<readonly string[]>;
  readonly stop: AbortController;
  readonly killed: () => number;
}

function handing({ waitingFor = [] }: { readonly waitingFor?: readonly string[] } = {}): Bench {
  const [clock, log] = [new SimClock(settle), new MemoryLog()];
  const ready = Promise.withResolvers<readonly string[]>();
  let killed = 0;
  const kill = (): void => {
    killed += 1;
  };
  const successor: Successor = { pid: 2, ready: ready.promise, letGo: () => undefined, kill };
  const handOver = new HandOver({ clock, log, start: () => successor, waitingFor: () => waitingFor });
  return { clock, log, handOver, successor, ready, stop: new AbortController(), killed: () => killed };
}
