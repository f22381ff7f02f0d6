import { formatProblem } from '../domain/result.ts';
import { computeBindings } from './compute-bindings.ts';
import { labelledWeights } from './labelled-weights.ts';
import { reportBindings } from './report-bindings.ts';
import type { AccessPolicy } from '../domain/access-policy.ts';
import type { IpAddress } from '../domain/address.ts';
import type { Binding, BindingId } from '../domain/binding.ts';
import type { Problem } from '../domain/result.ts';
import type { Log } from '../ports/log.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { ConsumerSet } from './consumer-set.ts';

/** What it works with. */
export interface BindingBookDependencies {
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Who is bound to what now, by what the consumers ask for and what the policy allows. */
export class BindingBook {
  readonly #dependencies: BindingBookDependencies;
  #bindings: ReadonlyMap<BindingId, Binding> = new Map();
  #denied: ReadonlySet<BindingId> = new Set();
  #problems: readonly Problem[] = [];
  #weights: ReadonlyMap<IpAddress, number> = new Map();
  #policy: AccessPolicy | undefined;
  /** Counts up with each change that is none of the consumers. */
  #ownRevision = 0;
  /** Of all that the bindings come from. */
  #revision = 0;
  #overLimit = 0;

  constructor(dependencies: BindingBookDependencies) {
    this.#dependencies = dependencies;
  }

  get bindings(): ReadonlyMap<BindingId, Binding> {
    return this.#bindings;
  }

  /** The weights that containers set for themselves as endpoints. */
  get weights(): ReadonlyMap<IpAddress, number> {
    return this.#weights;
  }

  /** What is wrong with what consumers want. */
  get problems(): readonly Problem[] {
    return this.#problems;
  }

  /** Whether the policy denies a binding that was asked for. */
  denies(id: BindingId): boolean {
    return this.#denied.has(id);
  }

  /** From the next update on every binding is held against another policy. */
  setPolicy(policy: AccessPolicy | undefined): void {
    this.#policy = policy;
    this.forget();
  }

  /** The next update computes everything anew. */
  forget(): void {
    this.#ownRevision += 1;
  }

  /**
   * Computes the bindings anew, and says what changed, where consumers or policy have changed.
   *
   * @returns Whether they had.
   */
  update(consumers: ConsumerSet, options: { readonly maxBindings: number }): boolean {
    // Both only count up, so that their sum is another after each change.
    const revision = consumers.revision + this.#ownRevision;
    if (this.#revision === revision) return false;
    this.#revision = revision;
    const computed = computeBindings(consumers.consumers, { ...options, policy: this.#policy });
    reportBindings(this.#dependencies.log, this.#bindings, computed.bindings);
    this.#bindings = computed.bindings;
    this.#denied = computed.denied;
    const { weights, problems } = labelledWeights(consumers.consumers);
    this.#weights = weights;
    this.#report([...computed.problems, ...problems]);
    if (computed.overLimit > this.#overLimit) this.#dependencies.metrics.limitReached('max-bindings');
    this.#overLimit = computed.overLimit;
    return true;
  }

  /** Each problem is said once for as long as it lasts. */
  #report(problems: readonly Problem[]): void {
    const said = new Set(this.#problems.map(formatProblem));
    for (const line of new Set(problems.map(formatProblem))) {
      if (!said.has(line)) this.#dependencies.log.warn(line);
    }
    this.#problems = problems;
  }
}
