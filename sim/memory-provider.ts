import { Wakeup } from '../src/ports/wakeup.ts';
import { diff } from '../src/domain/change.ts';
import type { Change } from '../src/domain/change.ts';
import type { Consumer, ConsumerId } from '../src/domain/consumer.ts';
import type { Problem } from '../src/domain/result.ts';
import type { Provider, ProviderItem } from '../src/ports/provider.ts';

/**
 * A provider whose consumers are put and removed by hand. What is done before the watcher looks again is one
 * item, as the port promises; nothing is told again.
 */
export class MemoryProvider implements Provider {
  readonly name: string;
  readonly #wakeup = new Wakeup();
  readonly #consumers = new Map<ConsumerId, Consumer>();
  #interfaces: readonly string[] = [];
  #problems: Problem[] = [];
  #outage: string | undefined;
  #needsSnapshot = true;

  constructor(name = 'docker') {
    this.name = name;
  }

  /** Lets a consumer appear, or be another than before. */
  put(consumer: Consumer): void {
    this.#consumers.set(consumer.id, consumer);
    this.#wakeup.set();
  }

  /** Lets a consumer go. */
  remove(id: ConsumerId): void {
    this.#consumers.delete(id);
    this.#wakeup.set();
  }

  /** Tells of bridges, in a snapshot. */
  setInterfaces(names: readonly string[]): void {
    this.#interfaces = [...names].sort();
    this.#needsSnapshot = true;
    this.#wakeup.set();
  }

  /** Tells of a problem, once. */
  report(problem: Problem): void {
    this.#problems.push(problem);
    this.#wakeup.set();
  }

  /** Lets the outside system be out of reach until `repair`. */
  cut(reason: string): void {
    this.#outage = reason;
    this.#wakeup.set();
  }

  /** Ends an outage; a snapshot follows. */
  repair(): void {
    this.#outage = undefined;
    this.#needsSnapshot = true;
    this.#wakeup.set();
  }

  async *watch({ signal }: { readonly signal: AbortSignal }): AsyncGenerator<ProviderItem, void> {
    let told: ReadonlyMap<ConsumerId, Consumer> = new Map();
    let toldOutage: string | undefined;
    this.#needsSnapshot = true;
    this.#wakeup.set();
    while (!signal.aborted) {
      try {
        await this.#wakeup.wait({ signal });
      } catch {
        return;
      }
      if (this.#outage !== undefined) {
        if (toldOutage === undefined) yield { kind: 'unreachable', reason: this.#outage };
        toldOutage = this.#outage;
        continue;
      }
      toldOutage = undefined;
      const now = new Map(this.#consumers);
      const changes = diff(told, now, (a, b) => a === b);
      told = now;
      const item = this.#take(changes);
      if (item !== undefined) yield item;
    }
  }

  #take(changes: readonly Change<ConsumerId, Consumer>[]): ProviderItem | undefined {
    const problems = this.#problems;
    this.#problems = [];
    if (this.#needsSnapshot) {
      this.#needsSnapshot = false;
      return {
        kind: 'snapshot',
        consumers: [...this.#consumers.values()],
        interfaces: this.#interfaces,
        problems,
      };
    }
    return changes.length === 0 && problems.length === 0 ? undefined : { kind: 'changes', changes, problems };
  }
}
