import { isInterfaceName } from '../domain/interface-name.ts';
import { printable } from '../domain/printable.ts';
import { NOTHING_PUBLISHED, PublishedPorts } from '../domain/published-port.ts';
import type { Consumer } from '../domain/consumer.ts';
import type { Problem } from '../domain/result.ts';
import type { ProviderItem } from '../ports/provider.ts';

/** What one provider has told. */
interface Told {
  consumers: ReadonlyMap<string, Consumer>;
  interfaces: readonly string[];
  apart: readonly string[];
}

const NOBODY: Told = { consumers: new Map(), interfaces: [], apart: [] };

/**
 * The consumers that the providers tell of, as they stand now. Changed by what providers tell, read by the
 * sync.
 */
export class ConsumerSet {
  readonly #told = new Map<string, Told>();
  #revision = 0;
  #published = NOTHING_PUBLISHED;

  /** Counts up with each item that may have changed the consumers. */
  get revision(): number {
    return this.#revision;
  }

  /** Every consumer of every provider; providers in the order in which they first spoke. */
  get consumers(): readonly Consumer[] {
    return [...this.#told.values()].flatMap((told) => [...told.consumers.values()]);
  }

  /** The interfaces through which consumers' traffic arrives, that rules can name; sorted and distinct. */
  get interfaces(): readonly string[] {
    return [...new Set([...this.#told.values()].flatMap((told) => told.interfaces))].sort();
  }

  /** Those of them behind which consumers do not reach each other; sorted and distinct. */
  get apart(): readonly string[] {
    return [...new Set([...this.#told.values()].flatMap((told) => told.apart))].sort();
  }

  /** What containers publish on this host, as it was told last; the same object while that is the same. */
  get published(): PublishedPorts {
    return this.#published;
  }

  /**
   * Takes what a provider told.
   *
   * @returns The problems that came with it.
   */
  take(provider: string, item: ProviderItem): readonly Problem[] {
    if (item.kind !== 'unreachable' && item.published !== undefined) {
      this.#published = new PublishedPorts(item.published);
    }
    switch (item.kind) {
      case 'snapshot': {
        const consumers = new Map(item.consumers.map((consumer) => [consumer.id, consumer]));
        const interfaces = item.interfaces.filter(isInterfaceName);
        this.#told.set(provider, { consumers, interfaces, apart: item.apart ?? [] });
        this.#revision += 1;
        return [...item.problems, ...unnameable(item.interfaces)];
      }
      case 'changes': {
        const told = this.#told.get(provider) ?? NOBODY;
        const consumers = new Map(told.consumers);
        for (const change of item.changes) {
          if (change.kind === 'remove') consumers.delete(change.id);
          else consumers.set(change.value.id, change.value);
        }
        this.#told.set(provider, { ...told, consumers });
        this.#revision += 1;
        return item.problems;
      }
      case 'unreachable':
        return [];
    }
  }
}

/** What no rule can name is left out: it would stop the rules of all others. */
function unnameable(interfaces: readonly string[]): readonly Problem[] {
  const odd = interfaces.filter((name) => !isInterfaceName(name));
  return odd.map((name) => ({
    place: `interface ${printable(name)}`,
    message: 'has a name that no rule can take; its consumers are not captured',
  }));
}
