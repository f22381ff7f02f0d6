import { iptablesError } from '../../src/adapters/iptables/iptables-error.ts';
import { FOREIGN_RULES } from './foreign-rules.ts';
import { KernelRules } from './kernel-rules.ts';
import { Refusal, endOf } from './refusal.ts';
import type {
  IptablesClient,
  IptablesKind,
  IptablesPlace,
  IptablesProgram,
} from '../../src/adapters/iptables/iptables-client.ts';
import type { CommandFailure } from '../../src/adapters/iptables/iptables-error.ts';
import type { AddressFamily } from '../../src/domain/address.ts';
import type { ForeignProgram } from './foreign-rules.ts';
import type { HostNetwork } from './packet.ts';
import type { TracedHost } from './trace-packet.ts';

/** What can be wrong with the commands of a host, beside what is wrong with a text. */
export type IptablesFault = 'no command' | 'no privilege' | 'lock held' | 'no write';

/** The rules of one variant. */
type FamilyRules = Readonly<Record<AddressFamily, KernelRules>>;

/** What is installed on a simulated host. */
export interface SimIptablesOptions {
  /** The variants that have commands of their own; both unless told. */
  readonly installed?: readonly IptablesKind[];
  /** The variant that plain `iptables` is; nft unless told. */
  readonly standard?: IptablesKind;
}

/**
 * The iptables of a simulated host, both variants, each with rules of its own that are all in force. They
 * outlive whoever wrote them, as the kernel's do, so a restart of the daemon is a new redirector over the
 * same host.
 */
export class SimIptables implements IptablesClient {
  readonly #rules: Readonly<Record<IptablesKind, FamilyRules>> = {
    nft: bothFamilies(),
    legacy: bothFamilies(),
  };
  readonly #installed: readonly IptablesKind[];
  readonly #standard: IptablesKind;
  readonly #faults = new Map<AddressFamily, IptablesFault>();
  #writes = 0;
  #reads = 0;
  #beforeRestore: (() => void) | undefined;

  constructor(options: SimIptablesOptions = {}) {
    this.#installed = options.installed ?? ['nft', 'legacy'];
    this.#standard = options.standard ?? 'nft';
  }

  /** The rules that plain `iptables` and `ip6tables` show. */
  get tables(): FamilyRules {
    return this.#rules[this.#standard];
  }

  /** The count of texts the kernel took. */
  get writes(): number {
    return this.#writes;
  }

  /** The count of `iptables-save` that were answered. */
  get reads(): number {
    return this.#reads;
  }

  /** The rules of one variant, whether its command is installed or not. */
  tablesOf(kind: IptablesKind): FamilyRules {
    return this.#rules[kind];
  }

  /** The host as packets meet it, in a network. */
  tracedHost(network: HostNetwork): TracedHost {
    const { nft, legacy } = this.#rules;
    return { ...network, rules: [nft[4], legacy[4], nft[6], legacy[6]] };
  }

  /** Writes the rules of a program beside us, as its start does, with plain iptables unless told. */
  startForeign(program: ForeignProgram, kind: IptablesKind = this.#standard): void {
    this.#rules[kind][4].restore(FOREIGN_RULES[program]);
  }

  /** Makes every command of a family fail in one way, until repaired. `no write` leaves reading alone. */
  break(family: AddressFamily, fault: IptablesFault): void {
    this.#faults.set(family, fault);
  }

  /** Ends the fault of a family. */
  repair(family: AddressFamily): void {
    this.#faults.delete(family);
  }

  /** Does something between the reading and the next writing of whoever uses this client, once. */
  beforeNextRestore(action: () => void): void {
    this.#beforeRestore = action;
  }

  async save(place: IptablesPlace, options: { readonly signal: AbortSignal }): Promise<string> {
    options.signal.throwIfAborted();
    const kind = this.#kindOf(place.program, place.family, '-save');
    this.#reads += 1;
    return this.#rules[kind][place.family].save();
  }

  async restore(
    place: IptablesPlace,
    text: string,
    options: { readonly signal: AbortSignal },
  ): Promise<void> {
    options.signal.throwIfAborted();
    const action = this.#beforeRestore;
    this.#beforeRestore = undefined;
    action?.();
    const { program, family } = place;
    const kind = this.#kindOf(program, family, '-restore --noflush -w 5');
    const command = `${commandOf(program, family)}-restore --noflush -w 5`;
    if (this.#faults.get(family) === 'no write') {
      const stderr = `${commandOf(program, family)}-restore: line 1 failed: Table does not exist.`;
      throw iptablesError({ kind: 'exit', command, status: 3, stderr });
    }
    try {
      this.#rules[kind][family].restore(text);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const variant = kind === 'nft' ? 'nf_tables' : 'legacy';
      // The legacy programs call themselves by their plain name.
      const name = commandOf(kind === 'nft' ? program : 'iptables', family);
      throw iptablesError({ kind: 'exit', command, ...endOf(error, `${name}-restore`, variant) }, error);
    }
    this.#writes += 1;
  }

  async version(program: IptablesProgram, options: { readonly signal: AbortSignal }): Promise<string> {
    options.signal.throwIfAborted();
    const kind = this.#kindOf(program, 4, ' --version');
    return `iptables v1.8.9 (${kind === 'nft' ? 'nf_tables' : 'legacy'})`;
  }

  /** The variant a program is; throws where it is missing or a fault strikes. */
  #kindOf(program: IptablesProgram, family: AddressFamily, rest: string): IptablesKind {
    const kind = kindNamed(program) ?? this.#standard;
    const command = `${commandOf(program, family)}${rest}`;
    if (!this.#installed.includes(kind)) throw iptablesError({ kind: 'missing', command });
    const fault = this.#faults.get(family);
    const failure = fault === undefined ? undefined : failureOf(fault, command);
    if (failure !== undefined) throw iptablesError(failure);
    return kind;
  }
}

function bothFamilies(): FamilyRules {
  return { 4: new KernelRules(4), 6: new KernelRules(6) };
}

function kindNamed(program: IptablesProgram): IptablesKind | undefined {
  switch (program) {
    case 'iptables':
      return undefined;
    case 'iptables-nft':
      return 'nft';
    case 'iptables-legacy':
      return 'legacy';
  }
}

function commandOf(program: IptablesProgram, family: AddressFamily): string {
  return family === 4 ? program : program.replace('iptables', 'ip6tables');
}

/** What the real command does under a fault; its words are those of iptables 1.8.9. */
function failureOf(fault: IptablesFault, command: string): CommandFailure | undefined {
  switch (fault) {
    case 'no command':
      return { kind: 'missing', command };
    case 'no privilege': {
      const stderr = 'Could not fetch rule set generation id: Permission denied (you must be root)';
      return { kind: 'exit', command, status: 4, stderr };
    }
    case 'lock held': {
      const stderr = 'Another app is currently holding the xtables lock. Stopped waiting after 5s.';
      return { kind: 'exit', command, status: 4, stderr };
    }
    case 'no write':
      return undefined;
  }
}
