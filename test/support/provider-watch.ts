import type { Consumer, ConsumerId } from '../../src/domain/consumer.ts';
import type { Provider, ProviderItem } from '../../src/ports/provider.ts';
import { formatProblem } from '../../src/domain/result.ts';

/** What a watcher of a provider has been told, folded into the state it describes. */
export class ProviderWatch {
  readonly items: ProviderItem[] = [];
  readonly #controller = new AbortController();
  readonly #consumers = new Map<ConsumerId, Consumer>();
  readonly #ended: Promise<void>;
  #hasEnded = false;

  constructor(provider: Provider) {
    this.#ended = this.#follow(provider).finally(() => {
      this.#hasEnded = true;
    });
    this.#ended.catch(() => undefined);
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  get consumers(): ReadonlyMap<ConsumerId, Consumer> {
    return this.#consumers;
  }

  /** By name; undefined if and only if there is none. */
  consumer(name: string): Consumer | undefined {
    return [...this.#consumers.values()].find((consumer) => consumer.name === name);
  }

  /** What each consumer wants, by name: `service;port` each. */
  get wants(): Readonly<Record<string, readonly string[]>> {
    return Object.fromEntries(
      [...this.#consumers.values()].map(({ name, wants }) => [
        name,
        wants.map(({ descriptor }) => `${descriptor.service};${descriptor.port}`),
      ]),
    );
  }

  /** What each consumer's addresses are, by name. */
  get addresses(): Readonly<Record<string, readonly string[]>> {
    return Object.fromEntries(
      [...this.#consumers.values()].map(({ name, addresses }) => [name, addresses.map((at) => at.address)]),
    );
  }

  /** Every problem told, in order, as people read it. */
  get problems(): readonly string[] {
    const problems = this.items.flatMap((item) => (item.kind === 'unreachable' ? [] : item.problems));
    return problems.map(formatProblem);
  }

  /** The kinds of the items, in order. */
  get kinds(): readonly ProviderItem['kind'][] {
    return this.items.map((item) => item.kind);
  }

  abort(): void {
    this.#controller.abort(new Error('the test is over'));
  }

  /** Aborts and waits for the end. Rejects when the watch threw. */
  async stop(): Promise<void> {
    this.abort();
    await this.#ended;
  }

  async #follow(provider: Provider): Promise<void> {
    for await (const item of provider.watch({ signal: this.#controller.signal })) {
      this.items.push(item);
      switch (item.kind) {
        case 'snapshot':
          this.#consumers.clear();
          for (const consumer of item.consumers) this.#consumers.set(consumer.id, consumer);
          break;
        case 'changes':
          for (const change of item.changes) {
            if (change.kind === 'remove') this.#consumers.delete(change.id);
            else this.#consumers.set(change.value.id, change.value);
          }
          break;
        case 'unreachable':
          break;
      }
    }
  }
}
