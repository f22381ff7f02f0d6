import { formatSocketAddress } from '../../src/domain/address.ts';
import { parseServiceName } from '../../src/domain/service-name.ts';
import type { ToldEndpoint } from '../../src/domain/endpoint.ts';
import type { ServiceName } from '../../src/domain/service-name.ts';
import type { Discovery, DiscoveryItem } from '../../src/ports/discovery.ts';

/** Steps of waiting before a test gives up. */
const STEPS_MAX = 600;

/** A service name for tests. Throws for what is none. */
export function service(text: string): ServiceName {
  const parsed = parseServiceName(text);
  if (!parsed.ok) throw new Error(`not a service name: ${text}`);
  return parsed.value;
}

/** Watches one service in the background and keeps all it was told, with the view that follows from it. */
export class DiscoveryView implements AsyncDisposable {
  readonly items: DiscoveryItem[] = [];
  readonly #endpoints = new Map<string, ToldEndpoint>();
  readonly #controller = new AbortController();
  readonly #done: Promise<void>;
  #error: Error | undefined;
  #hasEnded = false;

  constructor(discovery: Discovery, name: ServiceName) {
    this.#done = this.#follow(discovery, name);
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** What the items so far add up to: `address:port`, sorted; undefined before the first snapshot. */
  get addresses(): readonly string[] | undefined {
    if (!this.items.some(({ kind }) => kind === 'snapshot')) return undefined;
    return [...this.#endpoints.values()].map(formatSocketAddress).sort();
  }

  get endpoints(): readonly ToldEndpoint[] {
    return [...this.#endpoints.values()];
  }

  get kinds(): readonly DiscoveryItem['kind'][] {
    return this.items.map(({ kind }) => kind);
  }

  /** Every problem told, in order. */
  get problems(): readonly string[] {
    return this.items.flatMap((item) => {
      return 'problems' in item ? item.problems.map(({ place, message }) => `${place}: ${message}`) : [];
    });
  }

  /** Lets time pass until something holds. Throws with what was told when it never does. */
  async until(pass: (ms: number) => Promise<void>, condition: () => boolean): Promise<void> {
    for (let step = 0; step < STEPS_MAX; step += 1) {
      if (this.#error !== undefined) throw this.#error;
      if (condition()) return;
      await pass(50);
    }
    throw new Error(`never came true; told: ${JSON.stringify(this.items)}`);
  }

  /** Ends the watch and waits for its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#controller.abort(new Error('the test has seen enough'));
    await this.#done;
    if (this.#error !== undefined) throw this.#error;
  }

  async #follow(discovery: Discovery, name: ServiceName): Promise<void> {
    try {
      for await (const item of discovery.watch(name, { signal: this.#controller.signal })) {
        this.items.push(item);
        this.#take(item);
      }
    } catch (error) {
      this.#error = error instanceof Error ? error : new Error(String(error));
    } finally {
      this.#hasEnded = true;
    }
  }

  #take(item: DiscoveryItem): void {
    switch (item.kind) {
      case 'snapshot':
        this.#endpoints.clear();
        for (const endpoint of item.endpoints) this.#endpoints.set(endpoint.id, endpoint);
        break;
      case 'changes':
        for (const change of item.changes) {
          if (change.kind === 'remove') this.#endpoints.delete(change.id);
          else this.#endpoints.set(change.value.id, change.value);
        }
        break;
      case 'unreachable':
      case 'forbidden':
        break;
    }
  }
}
