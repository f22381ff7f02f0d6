import type { AddressFamily } from '../../domain/address.ts';

/** The variants of iptables; each keeps rules that the other does not show, and the kernel applies both. */
export type IptablesKind = 'legacy' | 'nft';

/** A command to use: the host's default, or one variant by its name. For IPv6 read `ip6tables`. */
export type IptablesProgram = 'iptables' | `iptables-${IptablesKind}`;

/** Where rules are: one family's, as one command sees them. */
export interface IptablesPlace {
  readonly program: IptablesProgram;
  readonly family: AddressFamily;
}

/** The commands of iptables, as this adapter needs them. */
export interface IptablesClient {
  /**
   * Reads all tables there are, in one command; makes none.
   *
   * @returns The text of `iptables-save`: the kernel's rules in their normal form, without counters of rules.
   * @throws {RedirectorError} As its `code` says; or `signal.reason` after an abort.
   */
  save(place: IptablesPlace, options: { readonly signal: AbortSignal }): Promise<string>;
  /**
   * Writes rules (`iptables-restore --noflush -w`): of each table all of them or none. Tables are taken in
   * the order of the text, so that a refusal of one leaves those before it written.
   *
   * @param text - In the format of iptables-restore; chains it does not name stay as they are.
   * @throws {RedirectorError} As its `code` says; or `signal.reason` after an abort, when the kernel has
   *   taken some of the tables, or all, or none.
   */
  restore(place: IptablesPlace, text: string, options: { readonly signal: AbortSignal }): Promise<void>;
  /**
   * Tells what a command says of itself, e.g. `iptables v1.8.9 (nf_tables)`; those before 1.8 name no
   * variant. Throws as `save`.
   */
  version(program: IptablesProgram, options: { readonly signal: AbortSignal }): Promise<string>;
}
