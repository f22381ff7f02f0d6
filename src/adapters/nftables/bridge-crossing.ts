import { familyOf } from '../../domain/address.ts';
import type { AddressFamily, IpAddress } from '../../domain/address.ts';
import type { BridgePassage } from '../../ports/bridge-passage.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';

/** How often it is looked whether packets are still let through, in milliseconds; as for our table [P27]. */
const LOOK_EVERY_MS = 3_000;

/** What it works with. */
export interface BridgeCrossingDependencies {
  readonly clock: Clock;
  readonly log: Log;
  /** Undefined where nothing could let packets through. */
  readonly passage: BridgePassage | undefined;
}

/** How it works. */
export interface BridgeCrossingOptions {
  /** At most one of each family. */
  readonly virtualIps: readonly IpAddress[];
  /** Whether all stays as it is at the end; asked then. */
  readonly keepsRules: () => boolean;
  /** Told when a family can cross that could not, or the other way round; not for what `open` found. */
  readonly onChange: () => void;
}

/**
 * Keeps packets let through between bridges for as long as a route needs it, and knows where that cannot be.
 */
export class BridgeCrossing {
  readonly #dependencies: BridgeCrossingDependencies;
  readonly #options: BridgeCrossingOptions;
  readonly #stop = new AbortController();
  #wanted: ReadonlySet<AddressFamily> = new Set();
  #reasons: ReadonlyMap<AddressFamily, string> = new Map();
  /** Whether a rule of an earlier run may be there, or one of ours. */
  #mayBeOpen = true;
  #cancelLook: () => void = () => undefined;
  /** One after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(dependencies: BridgeCrossingDependencies, options: BridgeCrossingOptions) {
    this.#dependencies = dependencies;
    this.#options = options;
  }

  /** Why packets of a family cannot cross, in words; undefined where they can, as far as is known. */
  reasonAgainst(family: AddressFamily): string | undefined {
    if (this.#dependencies.passage === undefined) return 'and nothing here lets it through';
    const reason = this.#reasons.get(family);
    return reason && `and ${reason}`;
  }

  /** Lets packets of these families through, and asks of each new one at once whether that can be done. */
  async open(families: Iterable<AddressFamily>): Promise<void> {
    const wanted = new Set([...this.#wanted, ...families]);
    if (wanted.size === this.#wanted.size) return;
    this.#wanted = wanted;
    await this.#inTurn(async () => this.#look());
    this.#schedule();
  }

  /** Lets nothing through any more, also where an earlier run did. */
  async close(): Promise<void> {
    this.#cancelLook();
    [this.#wanted, this.#reasons] = [new Set(), new Map()];
    if (!this.#mayBeOpen) return;
    await this.#inTurn(async () => this.#remove());
  }

  /** As `close`, unless all is to stay; nothing is looked at any more. */
  async end(): Promise<void> {
    if (this.#options.keepsRules()) this.#cancelLook();
    else await this.close();
    this.#stop.abort(new Error('the proxier is closed'));
  }

  async #remove(): Promise<void> {
    const { log, passage } = this.#dependencies;
    this.#mayBeOpen = false;
    try {
      await passage?.cleanup({ signal: this.#stop.signal });
    } catch (error) {
      // Without our table nothing is marked, so that the rule lets nothing through.
      log.debug(`what lets packets through between bridges is left: ${String(error)}`);
    }
  }

  async #look(): Promise<boolean> {
    const { log, passage } = this.#dependencies;
    if (passage === undefined || this.#wanted.size === 0 || this.#stop.signal.aborted) return false;
    const virtualIps = this.#options.virtualIps.filter((each) => this.#wanted.has(familyOf(each)));
    this.#mayBeOpen = true;
    const reasons = await passage.ensure(virtualIps, { signal: this.#stop.signal });
    const before = this.#reasons;
    this.#reasons = reasons;
    for (const family of this.#wanted) {
      const [was, is] = [before.get(family), reasons.get(family)];
      if (was === is) continue;
      if (is === undefined) log.info(`what goes from bridge to bridge by IPv${family} is let through now`);
      else log.info(`what goes from bridge to bridge by IPv${family} is carried in userspace: ${is}`);
    }
    return [...this.#wanted].some((family) => before.has(family) !== reasons.has(family));
  }

  #schedule(): void {
    this.#cancelLook();
    if (this.#stop.signal.aborted || this.#wanted.size === 0) return;
    this.#cancelLook = this.#dependencies.clock.schedule(LOOK_EVERY_MS, () => {
      void this.#lookAgain();
    });
  }

  async #lookAgain(): Promise<void> {
    try {
      const hasChanged = await this.#inTurn(async () => this.#look());
      this.#schedule();
      if (hasChanged) this.#options.onChange();
    } catch (error) {
      if (!this.#stop.signal.aborted) throw error;
    }
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}
