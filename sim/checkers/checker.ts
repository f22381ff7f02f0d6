import type { Daemon } from '../../src/app/daemon.ts';
import type { UserspaceProxier } from '../../src/app/userspace-proxier.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Call } from '../call.ts';
import type { Limits } from '../embassy.ts';
import type { Watcher } from '../observer.ts';
import type { Truth } from '../truth.ts';
import type { Violation } from './violation.ts';

/** What a checker may look at: the truth, and embassy as it stands. */
export interface Scene {
  readonly clock: Clock;
  readonly truth: Truth;
  readonly daemon: Daemon;
  readonly proxier: UserspaceProxier;
  readonly limits: Limits;
}

/** What is wrong, but for the checker's name. */
export type Finding = Omit<Violation, 'checker'>;

/** Takes what a checker found wrong. */
export type Tell = (finding: Finding) => void;

/**
 * Watches one invariant of a run. It is told of what passes between embassy and the world, of each call that
 * ended, and of each step of time; it tells what is wrong through the function it was made with.
 */
export interface Checker extends Watcher {
  readonly name: string;
  onCall?(call: Call): void;
  /** Time went on a little, and everything that was due has happened; embassy runs. */
  onStep?(): void;
  /** The faults are over, the time to converge has passed, and no connection is open. */
  onQuiet?(): void;
  /** Embassy was told to stop, and had its time. */
  onStopped?(): void;
}
