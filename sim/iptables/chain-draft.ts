import { formatRule } from './format-rule.ts';
import { Refusal } from './refusal.ts';
import { BUILTIN_CHAINS } from './rule.ts';
import type { RefusalReason } from './refusal.ts';
import type { Command, CommandOf } from './restore-text.ts';
import type { Chain, Chains, Rule, TableName } from './rule.ts';

const NO_CHAIN = 'No chain/target/match by that name';

/** A chain while a transaction changes it. */
interface Draft {
  policy: Chain['policy'];
  readonly rules: Rule[];
}

/** A table while a transaction changes it: takes one command after the other. */
export class ChainDraft {
  readonly #table: TableName;
  readonly #commitLine: number;
  readonly #chains: Map<string, Draft>;

  constructor(table: TableName, chains: Chains, commitLine: number) {
    this.#table = table;
    this.#commitLine = commitLine;
    this.#chains = new Map(
      [...chains].map(([name, { policy, rules }]) => [name, { policy, rules: [...rules] }]),
    );
  }

  /** The chains as they are now; they change with the next command. */
  get chains(): Chains {
    return this.#chains;
  }

  /**
   * Does what a line says.
   *
   * @throws {Refusal} The line does not fit what is there.
   */
  apply(command: Command): void {
    switch (command.kind) {
      case 'declare':
        this.#declare(command);
        return;
      case 'policy':
        this.#setPolicy(command);
        return;
      case 'new chain':
        if (this.#chains.has(command.chain)) throw this.#bad(command, 'Chain already exists');
        this.#chains.set(command.chain, { policy: undefined, rules: [] });
        return;
      case 'flush':
        for (const { rules } of this.#named(command)) rules.length = 0;
        return;
      case 'delete chain':
        this.#deleteChain(command);
        return;
      case 'append':
      case 'insert':
        this.#add(command);
        return;
      case 'delete': {
        const wanted = formatRule(command.rule);
        const { rules } = this.#chain(command);
        this.#remove(
          command,
          rules.findIndex((rule) => formatRule(rule) === wanted),
        );
        return;
      }
      case 'delete by number':
        this.#remove(command, command.number - 1);
        return;
    }
  }

  #declare(command: CommandOf<'declare'>): void {
    const chain = this.#chains.get(command.chain);
    if (!BUILTIN_CHAINS[this.#table].includes(command.chain)) {
      if (chain === undefined) this.#chains.set(command.chain, { policy: undefined, rules: [] });
      else chain.rules.length = 0;
      return;
    }
    if (command.policy !== '-') this.#setPolicy(command);
    // A builtin chain keeps its rules: with --noflush its line sets the policy alone.
  }

  #setPolicy(command: CommandOf<'declare' | 'policy'>): void {
    const chain = this.#chain(command);
    const { policy } = command;
    if (chain.policy === undefined) throw this.#bad(command, 'Bad built-in chain name');
    if (policy !== 'ACCEPT' && policy !== 'DROP') throw this.#bad(command, 'Bad policy name');
    chain.policy = policy;
  }

  #add(command: CommandOf<'append' | 'insert'>): void {
    const { rules } = this.#chain(command);
    const { target } = command.rule;
    const at = command.kind === 'insert' ? command.number - 1 : rules.length;
    if (target.kind === 'jump' || target.kind === 'goto') {
      if (!this.#chains.has(target.chain)) {
        throw this.#refusal(command, {
          kind: 'no chain',
          chain: target.chain,
          isGoto: target.kind === 'goto',
        });
      }
      if (BUILTIN_CHAINS[this.#table].includes(target.chain)) {
        const words = `RULE_APPEND failed (No such file or directory): rule in chain ${command.chain}`;
        throw this.#refusal(command, { kind: 'kernel', words });
      }
    }
    if (at > rules.length) throw this.#bad(command, 'Index of insertion too big');
    rules.splice(at, 0, command.rule);
  }

  #remove(command: CommandOf<'delete' | 'delete by number'>, index: number): void {
    const { rules } = this.#chain(command);
    if (index < 0) throw this.#bad(command, 'Bad rule (does a matching rule exist in that chain?)');
    if (index >= rules.length) throw this.#bad(command, 'Index of deletion too big');
    rules.splice(index, 1);
  }

  #deleteChain(command: CommandOf<'delete chain'>): void {
    const builtin = BUILTIN_CHAINS[this.#table];
    if (command.chain !== undefined && builtin.includes(command.chain)) throw this.#bad(command, NO_CHAIN);
    const names =
      command.chain === undefined
        ? [...this.#chains.keys()].filter((name) => !builtin.includes(name))
        : [command.chain];
    this.#named(command);
    for (const name of names) {
      if (this.#isUsed(name) || this.#chains.get(name)?.rules.length !== 0) {
        const words = `CHAIN_DEL failed (Device or resource busy): chain ${name}`;
        throw this.#refusal(command, { kind: 'kernel', words });
      }
    }
    for (const name of names) this.#chains.delete(name);
  }

  #isUsed(name: string): boolean {
    return [...this.#chains.values()].some(({ rules }) =>
      rules.some(({ target }) => 'chain' in target && target.chain === name),
    );
  }

  #named(command: CommandOf<'flush' | 'delete chain'>): readonly Draft[] {
    if (command.chain === undefined) return [...this.#chains.values()];
    return [this.#chain({ line: command.line, chain: command.chain })];
  }

  #chain(command: { readonly line: number; readonly chain: string }): Draft {
    const chain = this.#chains.get(command.chain);
    if (chain === undefined) throw this.#bad(command, NO_CHAIN);
    return chain;
  }

  #bad(command: { readonly line: number }, words: string): Refusal {
    return this.#refusal(command, { kind: 'command', words });
  }

  #refusal({ line }: { readonly line: number }, reason: RefusalReason): Refusal {
    return new Refusal(reason, { line, commitLine: this.#commitLine });
  }
}
