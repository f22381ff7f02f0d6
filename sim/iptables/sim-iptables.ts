import { iptablesError } from '../../src/adapters/iptables/iptables-error.ts';
import { NatTable } from './nat-table.ts';
import type { IptablesClient, IptablesTable } from '../../src/adapters/iptables/iptables-client.ts';
import type { CommandFailure } from '../../src/adapters/iptables/iptables-error.ts';
import type { AddressFamily } from '../../src/domain/address.ts';

/** What can be wrong with the commands of a host, beside what is wrong with a text. */
export type IptablesFault = 'no command' | 'no privilege' | 'lock held' | 'no write';

/**
 * The iptables of a simulated host. Its rules outlive whoever wrote them, as the kernel's do, so a restart of
 * the daemon is a new redirector over the same host.
 */
export class SimIptables implements IptablesClient {
  readonly tables: Readonly<Record<AddressFamily, NatTable>> = { 4: new NatTable(4), 6: new NatTable(6) };
  readonly #faults = new Map<AddressFamily, IptablesFault>();
  #writes = 0;
  #beforeRestore: (() => void) | undefined;

  /** The count of texts the kernel took. */
  get writes(): number {
    return this.#writes;
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

  async save(
    family: AddressFamily,
    table: IptablesTable,
    options: { readonly signal: AbortSignal },
  ): Promise<string> {
    options.signal.throwIfAborted();
    this.#fail(family, `${tool(family)}-save -t ${table}`);
    return this.tables[family].save();
  }

  async restore(
    family: AddressFamily,
    text: string,
    options: { readonly signal: AbortSignal },
  ): Promise<void> {
    options.signal.throwIfAborted();
    const action = this.#beforeRestore;
    this.#beforeRestore = undefined;
    action?.();
    const command = `${tool(family)}-restore --noflush -w 5`;
    this.#fail(family, command);
    if (this.#faults.get(family) === 'no write') {
      const stderr = `${tool(family)}-restore: line 1 failed: Table does not exist.`;
      throw iptablesError({ kind: 'exit', command, status: 3, stderr });
    }
    this.tables[family].restore(text);
    this.#writes += 1;
  }

  async version(options: { readonly signal: AbortSignal }): Promise<string> {
    options.signal.throwIfAborted();
    this.#fail(4, 'iptables --version');
    return 'iptables v1.8.9 (nf_tables)';
  }

  #fail(family: AddressFamily, command: string): void {
    const fault = this.#faults.get(family);
    const failure = fault === undefined ? undefined : failureOf(fault, command);
    if (failure !== undefined) throw iptablesError(failure);
  }
}

function tool(family: AddressFamily): string {
  return family === 4 ? 'iptables' : 'ip6tables';
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
