import { Wakeup } from '../../ports/wakeup.ts';
import type { EngineEvent } from './engine-event.ts';

/** Beyond this many marked containers everything is looked at again, which costs the same. */
const MARKS_MAX = 1_000;

/** What has to be looked at again. */
export interface DirtyWork {
  /** Everything: list, networks and every container. */
  readonly all: boolean;
  readonly networks: boolean;
  /** Who runs, and with which endpoints. */
  readonly endpoints: boolean;
  /** Sorted and distinct. */
  readonly ids: readonly string[];
  /** Why the stream ended; undefined while it runs. */
  readonly ended: string | undefined;
}

/**
 * Where events leave their marks. Any number of events about one container is one mark, so that the work
 * depends on what there is and not on how often it changed.
 */
export class DirtyMarks {
  readonly #wakeup = new Wakeup();
  readonly #ids = new Set<string>();
  readonly #announced = new Set<string>();
  #all = false;
  #networks = false;
  #endpoints = false;
  #hasForgotten = false;
  #ended: string | undefined;

  /** Marks what an event speaks of. */
  markEvent(event: EngineEvent): void {
    switch (event.kind) {
      case 'container':
        this.#ids.add(event.id);
        this.#announced.add(event.id);
        this.#bound();
        break;
      case 'networks':
        this.#networks = true;
        break;
      case 'ignored':
        return;
      case 'unreadable':
        this.#all = true;
        this.#hasForgotten = true;
        break;
    }
    this.#wakeup.set();
  }

  /** Marks everything. */
  markAll(): void {
    this.#all = true;
    this.#wakeup.set();
  }

  /** Marks that endpoints may be gone, whoever had them. */
  markEndpoints(): void {
    this.#endpoints = true;
    this.#wakeup.set();
  }

  /** Marks the end of the stream. */
  end(reason: string): void {
    this.#ended ??= reason;
    this.#wakeup.set();
  }

  /** Wakes the waiter without marking anything. */
  wake(): void {
    this.#wakeup.set();
  }

  /** Waits for marks. Rejects with `signal.reason`. */
  async wait(options: { readonly signal: AbortSignal }): Promise<void> {
    await this.#wakeup.wait(options);
  }

  /** Takes the marks away. */
  take(): DirtyWork {
    const work = {
      all: this.#all,
      networks: this.#networks,
      endpoints: this.#endpoints,
      ids: [...this.#ids].sort(),
      ended: this.#ended,
    };
    this.#ids.clear();
    this.#all = false;
    this.#networks = false;
    this.#endpoints = false;
    return work;
  }

  /**
   * Tells which of some containers no event named since `forget`. What a full list found changed and no event
   * named points to a stream that is dead without having ended [P01].
   */
  unannounced(ids: readonly string[]): readonly string[] {
    return this.#hasForgotten ? [] : ids.filter((id) => !this.#announced.has(id));
  }

  /** Begins a new interval for `unannounced`. */
  forget(): void {
    this.#announced.clear();
    this.#hasForgotten = false;
  }

  #bound(): void {
    if (this.#ids.size > MARKS_MAX) {
      this.#ids.clear();
      this.#all = true;
    }
    if (this.#announced.size > MARKS_MAX) {
      this.#announced.clear();
      this.#hasForgotten = true;
    }
  }
}
