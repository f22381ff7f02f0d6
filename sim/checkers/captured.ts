import { CHAIN } from '../../src/adapters/iptables/rule-set.ts';
import { formatSocketAddress } from '../../src/domain/address.ts';
import type { Daemon } from '../../src/app/daemon.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { SimKernel } from '../kernel.ts';
import type { Truth } from '../truth.ts';
import type { Checker, Tell } from './checker.ts';

/** The name of this checker. */
export const CAPTURED = 'the rules are there once, and back within five seconds';

/** How soon rules are back that somebody wiped [C4]. */
export const RULES_BACK_MS = 5_000;

/** What this checker looks at. */
export interface CapturedScene {
  readonly clock: Clock;
  readonly truth: Truth;
  readonly kernel: SimKernel;
  readonly daemon: Daemon;
}

/**
 * Checks that what containers dial at the virtual IP is led to embassy, through every bridge and by exactly
 * one set of rules: always but while the kernel is in trouble and the five seconds after [C4, P27, P28].
 */
export class Captured implements Checker {
  readonly name = CAPTURED;
  readonly #scene: CapturedScene;
  readonly #tell: Tell;
  #isTold = false;
  #version = -1;
  /** When embassy first knew enough to write rules; before, it has no bridge to name. */
  #readyAtMs: number | undefined;

  constructor(scene: CapturedScene, tell: Tell) {
    this.#scene = scene;
    this.#tell = tell;
  }

  onStep(): void {
    const { clock, daemon, kernel, truth } = this.#scene;
    const nowMs = clock.monotonicMs();
    if (daemon.table.version === 0) this.#readyAtMs = undefined;
    else this.#readyAtMs ??= nowMs;
    const isEarly = this.#readyAtMs === undefined || nowMs - this.#readyAtMs < RULES_BACK_MS;
    if (isEarly || truth.hadKernelTrouble(nowMs - RULES_BACK_MS, nowMs)) {
      this.#isTold = false;
      this.#version = -1;
      return;
    }
    if (this.#isTold || this.#version === kernel.version) return;
    this.#version = kernel.version;
    const wrong = this.#wrong();
    if (wrong === undefined) return;
    this.#isTold = true;
    this.#tell({ atMs: nowMs, expected: 'every bridge leads to embassy, by one jump', seen: wrong });
  }

  /** Rules of ours that a stopped embassy left [C9]. */
  onStopped(): void {
    const { clock, kernel, truth } = this.#scene;
    const nowMs = clock.monotonicMs();
    const jumps = kernel.jumpsTo(CHAIN.arriving);
    if (jumps === 0 || truth.hadKernelTrouble(nowMs - RULES_BACK_MS, nowMs)) return;
    this.#tell({ atMs: nowMs, expected: 'no rule is left', seen: `${jumps} jumps to ${CHAIN.arriving}` });
  }

  #wrong(): string | undefined {
    const { kernel } = this.#scene;
    const jumps = kernel.jumpsTo(CHAIN.arriving);
    if (jumps !== 1) return `${jumps} jumps to ${CHAIN.arriving}`;
    for (const { name, led } of kernel.probe()) {
      if (led.kind !== 'to') return `what comes from ${name} is ${led.kind}`;
      const at = formatSocketAddress(led.at);
      if (at !== formatSocketAddress(kernel.listener)) return `what comes from ${name} goes to ${at}`;
    }
    return undefined;
  }
}
