import { isThere, readFoundTable } from './found-table.ts';
import { adoption, knownPart, sameShape, tableChanges, wholeTable } from './kernel-table.ts';
import { FIXED_CHAINS, OCCASIONAL_CHAINS, removal, TABLE } from './table-layout.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { RuleHandles } from '../../ports/rule-handles.ts';
import type { KernelTable } from './kernel-table.ts';
import type { NftablesClient } from './nftables-client.ts';
import type { LayoutOptions } from './table-layout.ts';

/** How often it is looked whether somebody removed our table, in milliseconds [P27]. */
const LOOK_EVERY_MS = 3_000;

/** Each so many looks compare what the table holds: this reads every binding. */
const COMPARED_EVERY = 10;

/** The chains in which nobody but us has anything to change, and that are few. */
const WATCHED_CHAINS = [...FIXED_CHAINS, ...OCCASIONAL_CHAINS];

/** What the keeper works with. */
export interface TableKeeperDependencies {
  readonly client: Pick<NftablesClient, 'apply' | 'list'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly handles: RuleHandles;
}

/** How it works. */
export interface TableKeeperOptions extends LayoutOptions {
  /** Whether the table stays at the end; asked then. */
  readonly keepsRules: () => boolean;
}

/** What of ours is in the kernel; what is owed could not be written, and is tried again at the next look. */
type Held =
  | { readonly kind: 'nothing'; readonly owed: KernelTable | undefined }
  /** What an earlier run left, or what somebody made of ours: to be adopted. */
  | { readonly kind: 'found'; readonly table: KernelTable }
  | { readonly kind: 'written'; readonly table: KernelTable }
  /** Not looked at yet, of no use, or not what we think since a write failed: there may be a table. */
  | { readonly kind: 'doubtful'; readonly owed: KernelTable | undefined };

/**
 * Keeps our table in the kernel what it has to be: adopts what an earlier run left, writes what changed, and
 * mends what somebody else did to it. Each of these is one transaction.
 */
export class TableKeeper {
  readonly #client: TableKeeperDependencies['client'];
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #handles: RuleHandles;
  readonly #options: TableKeeperOptions;
  readonly #stop = new AbortController();
  #state: Held = { kind: 'doubtful', owed: undefined };
  /** The rules of the watched chains as we wrote them; undefined while that cannot be told. */
  #fixed: string | undefined;
  #isOpen = false;
  /** Whether the last look failed, which is said once. */
  #hasFailed = false;
  #looks = 0;
  /** Writes are one after the other. */
  #turn: Promise<void> = Promise.resolve();
  /** Undefined until something was written. */
  #cancelLook: (() => void) | undefined;
  #isEnding = false;

  constructor(dependencies: TableKeeperDependencies, options: TableKeeperOptions) {
    this.#client = dependencies.client;
    this.#clock = dependencies.clock;
    this.#log = dependencies.log;
    this.#handles = dependencies.handles;
    this.#options = options;
  }

  /** What the kernel holds, as far as it is known; undefined when it is nothing of use. */
  get held(): KernelTable | undefined {
    const state = this.#state;
    return state.kind === 'found' || state.kind === 'written' ? state.table : undefined;
  }

  /**
   * Reads, once, what an earlier run left. What cannot be read is replaced by the first write.
   *
   * @returns It, the first time.
   */
  async open(): Promise<KernelTable | undefined> {
    if (this.#isOpen) return undefined;
    this.#isOpen = true;
    let found: KernelTable | undefined;
    try {
      found = await readFoundTable(this.#client, { signal: this.#stop.signal });
    } catch (error) {
      this.#log.warn(`what an earlier run left in the kernel is lost, it cannot be read: ${String(error)}`);
    }
    if (found === undefined) return undefined;
    this.#state = { kind: 'found', table: found };
    const count = found.elements.size;
    if (count > 0) this.#log.info(`an earlier run left ${count} bindings in the kernel; they are adopted`);
    return found;
  }

  /**
   * Makes the kernel hold a table; at the end, and after it, nothing is written.
   *
   * @throws {NftablesError} It was refused. Our table is removed then: what it held is old, or not what we
   *   think, and userspace gets what is not translated.
   */
  async write(table: KernelTable): Promise<void> {
    if (this.#isEnding) return;
    await this.#inTurn(async () => this.#write(table));
    // A look that is planned stays so: writes may come more often than looks.
    if (this.#cancelLook === undefined) this.#schedule();
  }

  /** Removes the table, unless it is to stay; nothing is written any more. */
  async end(): Promise<void> {
    if (this.#isEnding) return;
    // A look under way must not plan the next one.
    this.#isEnding = true;
    this.#cancelLook?.();
    await this.#inTurn(async () => this.#remove());
    this.#stop.abort(new Error('the proxier is closed'));
  }

  /**
   * A stop goes on also where the table cannot be removed: what is open must still get its time. What was not
   * looked at is removed, too: a stop before the first write leaves nothing of an earlier run [C9].
   */
  async #remove(): Promise<void> {
    if (this.#options.keepsRules() || this.#state.kind === 'nothing') return;
    try {
      await this.#client.apply(removal(), { signal: this.#stop.signal });
      this.#state = { kind: 'nothing', owed: undefined };
    } catch (error) {
      this.#log.warn(`the table of embassy is left: ${String(error)}; 'embassy cleanup' removes it`);
    }
  }

  async #write(table: KernelTable): Promise<void> {
    const { signal } = this.#stop;
    const state = this.#state;
    if (state.kind === 'found' && (await this.#adopt(state.table, table))) return;
    const before = state.kind === 'written' ? state.table : undefined;
    // What only the kernel knew is not written anew.
    const wanted = before === undefined ? knownPart(table) : table;
    const script = before === undefined ? wholeTable(wanted, this.#options) : tableChanges(before, wanted);
    if (script === '') return;
    try {
      await this.#client.apply(script, { signal });
      this.#state = { kind: 'written', table: wanted };
      if (before === undefined || occasions(before) !== occasions(wanted)) this.#fixed = this.#readFixed();
    } catch (error) {
      this.#state = { kind: 'doubtful', owed: wanted };
      try {
        await this.#client.apply(removal(), { signal });
        this.#state = { kind: 'nothing', owed: wanted };
      } catch (cause) {
        this.#log.debug(`the table of embassy could not be removed: ${String(cause)}`);
      }
      throw error;
    }
  }

  /** @returns Whether that was possible; if not, the table is to be replaced. */
  async #adopt(found: KernelTable, table: KernelTable): Promise<boolean> {
    try {
      await this.#client.apply(adoption(found, table, this.#options), { signal: this.#stop.signal });
      this.#state = { kind: 'written', table };
      this.#fixed = this.#readFixed();
      return true;
    } catch (error) {
      this.#state = { kind: 'doubtful', owed: undefined };
      this.#log.warn(`what is in the kernel is lost, it cannot be adopted: ${String(error)}`);
      return false;
    }
  }

  /** Puts the table back when somebody removed it. */
  #schedule(): void {
    if (this.#isEnding) return;
    this.#cancelLook = this.#clock.schedule(LOOK_EVERY_MS, () => {
      void this.#inTurn(async () => this.#look()).then(() => {
        this.#schedule();
      });
    });
  }

  async #look(): Promise<void> {
    const { signal } = this.#stop;
    if (signal.aborted) return;
    try {
      await this.#mend();
      this.#hasFailed = false;
    } catch (error) {
      const words = `the table of embassy could not be looked at or mended, trying again: ${String(error)}`;
      this.#log[this.#hasFailed ? 'debug' : 'warn'](words);
      this.#hasFailed = true;
    }
  }

  async #mend(): Promise<void> {
    const state = this.#state;
    switch (state.kind) {
      case 'found':
        return;
      case 'nothing':
      case 'doubtful':
        if (state.owed !== undefined) await this.#write(state.owed);
        return;
      case 'written':
        await this.#mendWritten(state.table);
    }
  }

  async #mendWritten(written: KernelTable): Promise<void> {
    const { signal } = this.#stop;
    const fixed = this.#readFixed();
    const isTouched = fixed !== undefined && this.#fixed !== undefined && fixed !== this.#fixed;
    this.#fixed ??= fixed;
    if ((fixed === undefined || isTouched) && !(await isThere(this.#client, { signal }))) {
      this.#log.warn('the table of embassy was removed by somebody; it is written again');
      this.#state = { kind: 'nothing', owed: written };
      await this.#write(written);
      return;
    }
    this.#looks += 1;
    if (!isTouched && this.#looks % COMPARED_EVERY !== 0) return;
    const found = await readFoundTable(this.#client, { signal });
    if (!isTouched && found !== undefined && sameShape(found, written)) return;
    this.#log.warn('the table of embassy was changed by somebody; it is mended');
    this.#state = found === undefined ? { kind: 'doubtful', owed: written } : { kind: 'found', table: found };
    await this.#write(written);
  }

  /** Where they can be told, a look costs no process. */
  #readFixed(): string | undefined {
    return this.#handles.read({ table: TABLE, chains: WATCHED_CHAINS })?.join();
  }

  /** One after the other; a failure is its own caller's. */
  async #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}

/** What the occasional chains follow from. */
function occasions({ crossings, hasOwn, shown }: KernelTable): string {
  return `${crossings.elements.size > 0} ${hasOwn} ${shown.size > 0}`;
}
