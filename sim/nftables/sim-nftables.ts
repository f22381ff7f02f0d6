import { nftablesError } from '../../src/adapters/nftables/nftables-error.ts';
import { applyCommand } from './apply-command.ts';
import { checkHooks } from './check-hooks.ts';
import { listRuleset } from './list-ruleset.ts';
import { parseScript } from './parse-script.ts';
import { KERNEL_SAYS, Refusal } from './refusal.ts';
import { copyRuleset } from './ruleset.ts';
import type { NftablesClient } from '../../src/adapters/nftables/nftables-client.ts';
import type { CommandFailure } from '../../src/adapters/nftables/nftables-error.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { RuleHandles, RulePlaces } from '../../src/ports/rule-handles.ts';
import type { Ruleset } from './ruleset.ts';

/** What can be wrong with the command of a host, beside what is wrong with a script. */
export type NftablesFault = 'no command' | 'no privilege' | 'busy';

/**
 * The nf_tables of a simulated host, and its nft. The tables outlive whoever wrote them, as the kernel's do,
 * so a restart of the daemon is a new proxier over the same host.
 */
export class SimNftables implements NftablesClient, RuleHandles {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  #ruleset: Ruleset = new Map();
  #fault: NftablesFault | undefined;
  #refusal: string | undefined;
  #handles = 0;
  #writes = 0;

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  /** The tables in force. */
  get ruleset(): Ruleset {
    return this.#ruleset;
  }

  /** The count of scripts the kernel took. */
  get writes(): number {
    return this.#writes;
  }

  nowMs(): number {
    return this.#clock.monotonicMs();
  }

  /** Makes every command fail in one way, until repaired. */
  break(fault: NftablesFault): void {
    this.#fault = fault;
  }

  /** Ends the fault, and a refusal that met nothing yet. */
  repair(): void {
    this.#fault = undefined;
    this.#refusal = undefined;
  }

  /** Lets the kernel refuse the next script whatever it says. */
  refuseNext(words: string = KERNEL_SAYS.unsupported): void {
    this.#refusal = words;
  }

  /** Removes every table, as `nft flush ruleset` by somebody does. */
  wipe(): void {
    this.#ruleset = new Map();
  }

  /**
   * Applies a script of somebody else, whatever is wrong with our command.
   *
   * @throws {Refusal} What nft or the kernel does not take.
   */
  somebody(script: string): void {
    this.#commit(script);
  }

  async apply(script: string, options: { readonly signal: AbortSignal }): Promise<void> {
    options.signal.throwIfAborted();
    this.#fail();
    const refusal = this.#refusal;
    this.#refusal = undefined;
    try {
      if (refusal !== undefined) throw new Refusal({ line: 1, first: 1, last: 1 }, refusal);
      this.#commit(script);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      throw nftablesError({ kind: 'exit', isListing: false, status: 1, stderr: error.stderr }, error);
    }
    this.#writes += 1;
  }

  async list(words: readonly string[], options: { readonly signal: AbortSignal }): Promise<unknown> {
    options.signal.throwIfAborted();
    this.#fail();
    return listRuleset(this.#ruleset, words, this.nowMs());
  }

  async tables(options: { readonly signal: AbortSignal }): Promise<readonly string[]> {
    options.signal.throwIfAborted();
    this.#fail();
    return [...this.#ruleset.keys()];
  }

  read({ table, chains }: RulePlaces): readonly bigint[] {
    const held = this.#ruleset.get(table)?.chains;
    return chains.flatMap((chain) => (held?.get(chain)?.rules ?? []).map(({ handle }) => BigInt(handle)));
  }

  /** All of a script or nothing. */
  #commit(script: string): void {
    const ruleset = copyRuleset(this.#ruleset);
    const nextHandle = (): number => (this.#handles += 1);
    const commands = parseScript(script);
    for (const command of commands) applyCommand(ruleset, command, { nowMs: this.nowMs(), nextHandle });
    const says = checkHooks(ruleset);
    if (says !== undefined) {
      throw new Refusal(commands.at(-1)?.place ?? { line: 1, first: 1, last: 1 }, says);
    }
    this.#ruleset = ruleset;
  }

  #fail(): void {
    if (this.#fault !== undefined) throw nftablesError(failureOf(this.#fault));
  }
}

/** How the real command ends under a fault; its words are those of nft 1.0.6. */
function failureOf(fault: NftablesFault): CommandFailure {
  const exit = (words: string): CommandFailure => ({
    kind: 'exit',
    isListing: false,
    status: 1,
    stderr: `${words}\n`,
  });
  switch (fault) {
    case 'no command':
      return { kind: 'missing' };
    case 'no privilege':
      return exit('/dev/stdin:1:1-23: Error: Could not process rule: Operation not permitted');
    case 'busy':
      return exit('/dev/stdin:1:1-23: Error: Could not process rule: Resource temporarily unavailable');
  }
}
