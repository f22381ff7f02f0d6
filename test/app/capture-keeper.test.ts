import assert from 'node:assert/strict';
import { SimClock } from '../../sim/clock.ts';
import { MemoryLog } from '../../sim/log.ts';
import { MemoryMetrics } from '../../sim/metrics.ts';
import { SeededRandom } from '../../sim/random.ts';
import { CaptureKeeper } from '../../src/app/capture-keeper.ts';
import { TakeOver } from '../../src/app/upgrade/take-over.ts';
import { RedirectorError } from '../../src/ports/redirector.ts';
import { at } from '../support/addresses.ts';
import { binding } from '../support/bindings.ts';
import { address, port } from '../support/endpoints.ts';
import { scriptedPredecessor } from '../support/scripted-predecessor.ts';
import { settle } from '../support/settle.ts';
import type { CapturePlan } from '../../src/app/capture-plan.ts';
import type { Capture, Redirector } from '../../src/ports/redirector.ts';
import type { RulesTurn } from '../../src/ports/upgrade.ts';

const PLAN: CapturePlan = {
  kind: 'dnat',
  virtualIps: [address('172.17.0.1')],
  listeners: [at('172.17.0.1:9999')],
  unbound: 'refuse',
  hostAddresses: () => [address('10.0.0.5')],
};
const BUSY = new RedirectorError('busy', 'iptables is locked', { hint: 'see who holds the lock' });
const REFUSAL = new RedirectorError('no-privilege', 'iptables may not be used', {
  hint: 'run with CAP_NET_ADMIN, or use --listen',
});

describe('CaptureKeeper', () => {
  it('writes nothing before it knows the interfaces', async () => {
    const bench = keep();
    await bench.clock.advance(60_000);
    assert.deepEqual(bench.kernel.written, []);
    await bench.stop();
  });

  it('writes the rules for the interfaces, and again when they change', async () => {
    const bench = keep();
    bench.keeper.setInterfaces(['docker0']);
    await bench.clock.advance(1_000);
    bench.keeper.setInterfaces(['docker0']);
    await bench.clock.advance(1_000);
    bench.keeper.setInterfaces(['br-1', 'docker0']);
    await bench.clock.advance(1_000);
    assert.deepEqual(bench.kernel.written, ['docker0', 'br-1 docker0']);
    assert.deepEqual(bench.log.messages(), [
      'capturing traffic for 172.17.0.1 from docker0',
      'capturing traffic for 172.17.0.1 from br-1, docker0',
    ]);
    await bench.stop();
  });

  it('[P37] writes nothing before its turn, and everything then', async () => {
    const { predecessor, letGo } = scriptedPredecessor();
    const bench = keep(PLAN, new TakeOver({ clock: new SimClock(settle) }, predecessor));
    bench.keeper.setInterfaces(['docker0']);
    await bench.clock.advance(60_000);
    assert.deepEqual(bench.kernel.written, []);
    letGo();
    await bench.clock.advance(1_000);
    assert.deepEqual(bench.kernel.written, ['docker0']);
    await bench.stop();
  });

  it('[P37] leaves the rules to the daemon whose they are: before its turn, and after', async () => {
    const { predecessor, letGo } = scriptedPredecessor();
    const turn = new TakeOver({ clock: new SimClock(settle) }, predecessor);
    const bench = keep(PLAN, turn);
    bench.kernel.needNoRules();
    const { signal } = new AbortController();
    await bench.keeper.cleanup({ signal });
    assert(bench.kernel.present, "they are the predecessor's");
    letGo();
    await settle();
    turn.giveAway();
    await bench.keeper.cleanup({ signal });
    assert(bench.kernel.present, "they are the successor's");
    await bench.stop();
  });

  it('[C4] [P27] puts wiped rules back within 5 s, and says so', async () => {
    const bench = keep();
    bench.keeper.setInterfaces(['docker0']);
    await bench.clock.advance(1_000);
    bench.kernel.wipe();
    await bench.clock.advance(5_000);
    assert.deepEqual(bench.kernel.written, ['docker0', 'docker0']);
    assert.deepEqual(bench.log.messages('warn'), [
      'the rules were missing or different; put back: traffic for 172.17.0.1 from docker0',
    ]);
    await bench.stop();
  });

  it('[C11] follows what is bound from the addresses of the host itself', async () => {
    const bench = keep();
    bench.keeper.setInterfaces(['docker0']);
    bench.keeper.setBindings([binding('10.0.0.5', '/web;80'), binding('172.17.0.2', '/web;81')]);
    await bench.clock.advance(1_000);
    bench.keeper.setBindings([binding('172.17.0.2', '/web;81')]);
    await bench.clock.advance(1_000);
    assert.deepEqual(bench.kernel.written, ['docker0 80', 'docker0']);
    await bench.stop();
  });

  it('[C3] follows bindings with --unbound=pass, and says no more than once what it captures', async () => {
    const bench = keep({ ...PLAN, unbound: 'pass' });
    bench.keeper.setInterfaces(['docker0']);
    await bench.clock.advance(1_000);
    for (const each of ['/web;80', '/web;81']) {
      bench.keeper.setBindings([binding('172.17.0.2', each)]);
      await bench.clock.advance(1_000);
    }
    assert.deepEqual(bench.kernel.written, ['docker0', 'docker0 172.17.0.2:80', 'docker0 172.17.0.2:81']);
    assert.deepEqual(bench.log.messages(), ['capturing bound traffic for 172.17.0.1 from docker0']);
    await bench.stop();
  });

  it('[C4] needs no provider to redirect what arrives', async () => {
    const redirect = { families: [4 as const], virtualIps: [], port: port(9999), unbound: 'refuse' as const };
    const bench = keep({ kind: 'redirect', ...redirect });
    await bench.clock.advance(1_000);
    assert.deepEqual(bench.kernel.written, ['all']);
    assert.deepEqual(bench.log.messages(), ['capturing traffic that arrives in this network namespace']);
    await bench.stop();
  });

  it('says once why the rules cannot be written, tries on, and says when they can', async () => {
    const bench = keep();
    bench.kernel.fail(BUSY);
    bench.keeper.setInterfaces(['docker0']);
    await bench.clock.advance(30_000);
    assert.deepEqual(bench.log.messages('error'), [
      'the rules could not be written, trying again: iptables is locked. see who holds the lock',
    ]);
    assert(bench.metrics.count('sync failed') > 3);
    bench.kernel.fail(undefined);
    await bench.clock.advance(5_000);
    assert.deepEqual(bench.kernel.written, ['docker0']);
    assert.deepEqual(bench.log.messages('info'), [
      'the rules can be written again',
      'capturing traffic for 172.17.0.1 from docker0',
    ]);
    await bench.stop();
  });

  it('gives up when the first rules never can be written, and has nothing to clean up then', async () => {
    const bench = keep();
    bench.kernel.fail(REFUSAL);
    bench.keeper.setInterfaces(['docker0']);
    const failing = assert.rejects(bench.stopped, REFUSAL);
    await bench.clock.advance(0);
    await failing;
    await bench.keeper.cleanup({ signal: new AbortController().signal });
    assert.deepEqual(bench.log.messages(), []);
  });

  it('tries on when a privilege is lost later', async () => {
    const bench = keep();
    bench.keeper.setInterfaces(['docker0']);
    await bench.clock.advance(1_000);
    bench.kernel.fail(REFUSAL);
    await bench.clock.advance(10_000);
    assert.equal(bench.log.messages('error').length, 1);
    await bench.stop();
  });

  it('leaves the rules in place when its run ends, and no timer', async () => {
    const bench = keep();
    bench.keeper.setInterfaces(['docker0']);
    await bench.clock.advance(1_000);
    await bench.stop();
    assert.equal(bench.kernel.present, true);
    assert.equal(bench.clock.pendingTimers, 0);
  });

  it('says that nothing is captured while there is no interface, and not that rules were found', async () => {
    const bench = keep();
    bench.keeper.setInterfaces([]);
    bench.kernel.needNoRules();
    await bench.clock.advance(20_000);
    assert.deepEqual(bench.log.messages(), [
      'nothing is captured for 172.17.0.1: no Docker bridge is known from which it could be dialled',
    ]);
    await bench.stop();
  });

  describe('cleanup', () => {
    it('removes the rules and says so, if there were any', async () => {
      const bench = keep();
      bench.keeper.setInterfaces(['docker0']);
      await bench.clock.advance(1_000);
      await bench.stop();
      await bench.keeper.cleanup({ signal: new AbortController().signal });
      await bench.keeper.cleanup({ signal: new AbortController().signal });
      assert.equal(bench.kernel.present, false);
      assert.deepEqual(bench.log.messages().slice(1), ['rules removed']);
      assert.equal(bench.clock.pendingTimers, 0);
    });

    it('says what could not be removed and what to do, and does not throw', async () => {
      const bench = keep();
      await bench.stop();
      bench.kernel.fail(REFUSAL);
      await bench.keeper.cleanup({ signal: new AbortController().signal });
      assert.deepEqual(bench.log.messages('error'), [
        'the rules could not be removed, run "embassy cleanup" later: iptables may not be used. ' +
          'run with CAP_NET_ADMIN, or use --listen',
      ]);
    });

    it('gives up after 5 s', async () => {
      const bench = keep();
      await bench.stop();
      bench.kernel.hang();
      const cleaning = bench.keeper.cleanup({ signal: new AbortController().signal });
      await bench.clock.advance(5_000);
      await cleaning;
      assert.match(bench.log.messages('error')[0] ?? '', /not done after 5 s/);
    });
  });
});

/** A kernel whose rules are one text, or none. */
class FakeKernel implements Redirector {
  readonly written: string[] = [];
  #rules: string | undefined;
  #error: Error | undefined;
  #hangs = false;

  get present(): boolean {
    return this.#rules !== undefined;
  }

  /** From now on what is wanted is what there is. */
  needNoRules(): void {
    this.#rules = '';
  }

  wipe(): void {
    this.#rules = undefined;
  }

  fail(error: Error | undefined): void {
    this.#error = error;
  }

  hang(): void {
    this.#hangs = true;
  }

  async ensure(capture: Capture): Promise<boolean> {
    if (this.#error !== undefined) throw this.#error;
    const rules = textOf(capture);
    if (this.#rules === rules) return false;
    this.#rules = rules;
    this.written.push(rules);
    return true;
  }

  async cleanup({ signal }: { readonly signal: AbortSignal }): Promise<boolean> {
    if (this.#error !== undefined) throw this.#error;
    if (this.#hangs) {
      await new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          reject(signal.reason as Error);
        });
      });
    }
    const present = this.#rules !== undefined;
    this.#rules = undefined;
    return present;
  }
}

interface Bench {
  readonly clock: SimClock;
  readonly log: MemoryLog;
  readonly metrics: MemoryMetrics;
  readonly kernel: FakeKernel;
  readonly keeper: CaptureKeeper;
  readonly stopped: Promise<void>;
  stop(): Promise<void>;
}

function textOf(capture: Capture): string {
  const from = capture.kind === 'dnat' ? [...capture.interfaces, ...capture.localPorts] : ['all'];
  const bound = (capture.bound ?? []).map(({ source, port }) => `${source}:${port}`);
  return [...from, ...bound].join(' ');
}

function keep(plan: CapturePlan = PLAN, turn?: RulesTurn): Bench {
  const [clock, log, metrics, kernel] = [
    new SimClock(settle),
    new MemoryLog(),
    new MemoryMetrics(),
    new FakeKernel(),
  ];
  const keeper = new CaptureKeeper(
    { clock, log, metrics, random: new SeededRandom(1), redirector: kernel, turn },
    plan,
  );
  const abort = new AbortController();
  const done = keeper.run({ signal: abort.signal });
  return {
    clock,
    log,
    metrics,
    kernel,
    keeper,
    stopped: done,
    stop: async () => {
      abort.abort();
      await done;
    },
  };
}
