import type { AddressFamily } from '../../domain/address.ts';

/** The tables this adapter reads and writes. */
export type IptablesTable = 'nat';

/** The commands of iptables, as this adapter needs them; family 6 is ip6tables. */
export interface IptablesClient {
  /**
   * Reads a table.
   *
   * @returns The text of `iptables-save -t <table>`: the kernel's rules in their normal form, without
   *   counters of rules.
   * @throws {RedirectorError} As its `code` says; or `signal.reason` after an abort.
   */
  save(
    family: AddressFamily,
    table: IptablesTable,
    options: { readonly signal: AbortSignal },
  ): Promise<string>;
  /**
   * Writes rules in one transaction: all of them or none (`iptables-restore --noflush -w`).
   *
   * @param text - In the format of iptables-restore; chains it does not name stay as they are.
   * @throws {RedirectorError} As its `code` says, and nothing has changed; or `signal.reason` after an abort,
   *   when the kernel has taken either all or nothing.
   */
  restore(family: AddressFamily, text: string, options: { readonly signal: AbortSignal }): Promise<void>;
  /** Tells what iptables says of itself, e.g. `iptables v1.8.9 (nf_tables)`. Throws as `save`. */
  version(options: { readonly signal: AbortSignal }): Promise<string>;
}
