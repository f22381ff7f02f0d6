import { Wakeup } from '../../src/ports/wakeup.ts';
import type { ToldEndpoint } from '../../src/domain/endpoint.ts';
import type { ServiceName } from '../../src/domain/service-name.ts';
import type { Discovery, DiscoveryItem, Evidence, Outage } from '../../src/ports/discovery.ts';

/** A watch that somebody opened. */
interface OpenWatch {
  readonly service: ServiceName;
  readonly items: DiscoveryItem[];
  readonly wakeup: Wakeup;
}

/** A discovery that tells exactly the items a test gives it, to the watches that are open. */
export class ScriptedDiscovery implements Discovery {
  readonly name: string;
  readonly #open = new Set<OpenWatch>();
  #opened = 0;

  constructor(name = 'memory') {
    this.name = name;
  }

  /** The services of the open watches, sorted; one for each watch. */
  get watched(): readonly string[] {
    return [...this.#open].map((watch) => watch.service).sort();
  }

  /** How many watches were ever opened. */
  get opened(): number {
    return this.#opened;
  }

  /** Tells an item to every open watch of a service. */
  tell(service: string, item: DiscoveryItem): void {
    for (const watch of this.#open) {
      if (watch.service !== service) continue;
      watch.items.push(item);
      watch.wakeup.set();
    }
  }

  async probe(): Promise<Outage | undefined> {
    return undefined;
  }

  async *watch(
    service: ServiceName,
    options: { readonly signal: AbortSignal },
  ): AsyncGenerator<DiscoveryItem, void> {
    const watch: OpenWatch = { service, items: [], wakeup: new Wakeup() };
    this.#open.add(watch);
    this.#opened += 1;
    try {
      while (!options.signal.aborted) {
        await watch.wakeup.wait(options).catch(() => undefined);
        while (watch.items.length > 0) yield* watch.items.splice(0, 1);
      }
    } finally {
      this.#open.delete(watch);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Holds nothing.
  }
}

/** A snapshot item; its endpoints must be given in the order of their ids. */
export function snapshot(
  endpoints: readonly ToldEndpoint[],
  evidence: Evidence = 'authoritative',
): DiscoveryItem {
  return { kind: 'snapshot', endpoints, evidence, revision: '1', problems: [] };
}
