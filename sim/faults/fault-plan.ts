import type { SeededRandom } from '../random.ts';
import type { Bounds, Source } from '../truth.ts';
import type { World } from '../world.ts';

/** The longest pause of embassy before it asks again, of any source. See src/ports/backoff.ts. */
export const BACKOFF_CAP_MS = 5_000;

/** What one fault of one run does: while it is on, it strikes and heals in turn. */
export interface FaultPlan {
  /** Its parameters in words; empty where it has none. */
  readonly words: string;
  /** What it adds to the age of knowledge: the time embassy takes to notice and to ask again. */
  readonly adds: Partial<Bounds>;
  /** What cannot be asked between strike and heal. */
  readonly outages: readonly Source[];
  /** Whether the kernel's rules cannot be expected to be right between strike and heal. */
  readonly isKernelTrouble: boolean;
  /** How long it lasts, and the pause before the next strike, in milliseconds. */
  readonly lastsMs: readonly [number, number];
  readonly pauseMs: readonly [number, number];
  strike(world: World, random: SeededRandom): void;
  heal(world: World): void;
}

/** Draws the parameters of a fault for one run; a seed always gives the same. */
export type DrawPlan = (random: SeededRandom) => FaultPlan;

/** Completes a plan: what is left out, the fault has not. Pure. */
export function plan(parts: Pick<FaultPlan, 'pauseMs' | 'strike'> & Partial<FaultPlan>): FaultPlan {
  return {
    words: '',
    adds: {},
    outages: [],
    isKernelTrouble: false,
    lastsMs: [0, 0],
    heal: () => undefined,
    ...parts,
  };
}

/** A share in words, e.g. `40 %`. Pure. */
export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
