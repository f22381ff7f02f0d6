import { backoffMs } from '../ports/backoff.ts';
import { ResolveError } from '../ports/resolver.ts';
import { Slots } from '../ports/slots.ts';
import type { HostName, IpAddress } from '../domain/address.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Random } from '../ports/random.ts';
import type { Resolver } from '../ports/resolver.ts';

/** How often a name is asked for again [C7]. */
const REFRESH_MS = 30_000;

/** The pace while a name cannot be resolved. */
const RETRY = { baseMs: 500, capMs: REFRESH_MS };

/** The most questions at once: each occupies a thread of the system's resolver. */
const QUESTIONS_MAX = 2;

/** What a name cache works with. */
export interface NameCacheDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly resolver: Resolver;
}

/** A name that somebody holds. */
interface Entry {
  readonly holders: Set<() => void>;
  readonly abort: AbortController;
  addresses: readonly IpAddress[] | undefined;
}

/**
 * The addresses of the host names that endpoints have: asked for while somebody holds the name, again every
 * 30 s, and kept when an answer fails [C7].
 */
export class NameCache {
  readonly #dependencies: NameCacheDependencies;
  readonly #entries = new Map<HostName, Entry>();
  readonly #running = new Set<Promise<void>>();
  readonly #questions = new Slots(QUESTIONS_MAX);

  constructor(dependencies: NameCacheDependencies) {
    this.#dependencies = dependencies;
  }

  /** The names that somebody holds, for people and checkers. */
  get names(): readonly HostName[] {
    return [...this.#entries.keys()];
  }

  /** The last known addresses of a name, sorted; undefined while there was no answer yet. */
  addressesOf(name: HostName): readonly IpAddress[] | undefined {
    return this.#entries.get(name)?.addresses;
  }

  /**
   * Follows a name until released.
   *
   * @param onChange - Its addresses changed; only marks work.
   * @returns The release; repeated, a no-op.
   */
  hold(name: HostName, onChange: () => void): () => void {
    const entry = this.#entries.get(name) ?? this.#open(name);
    const holder = (): void => {
      onChange();
    };
    entry.holders.add(holder);
    return () => {
      entry.holders.delete(holder);
      if (entry.holders.size > 0 || this.#entries.get(name) !== entry) return;
      this.#entries.delete(name);
      entry.abort.abort(new Error('nobody holds the name any more'));
    };
  }

  /** Resolves when every question has ended; call it when all is released. */
  async close(): Promise<void> {
    await Promise.all(this.#running);
  }

  #open(name: HostName): Entry {
    const entry: Entry = { holders: new Set(), abort: new AbortController(), addresses: undefined };
    this.#entries.set(name, entry);
    const running = this.#follow(name, entry).finally(() => this.#running.delete(running));
    this.#running.add(running);
    return entry;
  }

  async #follow(name: HostName, entry: Entry): Promise<void> {
    const { clock, random, log } = this.#dependencies;
    const { signal } = entry.abort;
    let failures = 0;
    try {
      while (true) {
        try {
          const addresses = await this.#ask(name, signal);
          signal.throwIfAborted();
          if (failures > 0) log.info(`host name ${name} can be resolved again`);
          failures = 0;
          this.#take(name, entry, addresses);
        } catch (error) {
          if (!(error instanceof ResolveError)) throw error;
          failures += 1;
          if (failures === 1) this.#report(name, entry, error);
        }
        const pauseMs = failures === 0 ? REFRESH_MS : backoffMs(failures, RETRY, random);
        await clock.sleep(pauseMs, { signal });
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  #take(name: HostName, entry: Entry, addresses: readonly IpAddress[]): void {
    const sorted = [...addresses].sort();
    if (entry.addresses?.join(' ') === sorted.join(' ')) return;
    entry.addresses = sorted;
    this.#dependencies.log.info(`host name ${name} is ${sorted.join(', ')}`);
    for (const tell of [...entry.holders]) tell();
  }

  #report(name: HostName, { addresses }: Entry, error: ResolveError): void {
    const kept = addresses === undefined ? 'its endpoints are left out' : `keeping ${addresses.join(', ')}`;
    this.#dependencies.log.warn(
      `host name ${name} cannot be resolved (${error.message}); ${kept}, trying again`,
    );
  }

  /** Asks when it is this name's turn. */
  async #ask(name: HostName, signal: AbortSignal): Promise<readonly IpAddress[]> {
    const release = await this.#questions.take({ signal });
    try {
      return await this.#dependencies.resolver.resolve(name, { signal });
    } finally {
      release();
    }
  }
}
