import type { WorldOptions } from '../world.ts';
import type { Bounds } from '../truth.ts';
import type { Stage } from './stage.ts';

/** A hand-written run: what happens in the world, and what embassy must make of it. */
export interface Scenario {
  /** The pain, defect or contract it shows, e.g. `P04`; several may have the same. */
  readonly id: string;
  /** The rule in the present tense. */
  readonly title: string;
  /** How old embassy's knowledge may be in it, where something goes wrong with a source. */
  readonly bounds?: Partial<Bounds>;
  /** Docker and etcd where absent. */
  readonly sources?: WorldOptions['sources'];
  /** Whether the operator gave a state directory. */
  readonly hasStateDir?: boolean;
  /** Whether the scenario itself starts embassy; else it runs before anything happens. */
  readonly startsLate?: boolean;
  readonly play: (stage: Stage) => Promise<void>;
}
