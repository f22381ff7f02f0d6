/** The kernel's nf_tables, as far as our one table goes. */
export interface NftablesClient {
  /**
   * Applies a script: all of it or nothing.
   *
   * @throws {NftablesError} The kernel or the command refused it; nothing has changed then.
   */
  apply(script: string, options: { readonly signal: AbortSignal }): Promise<void>;
  /**
   * Lists one thing, e.g. `['set', 'inet', 'embassy', 'interfaces']`. Sets, maps and the names of chains
   * (`chains`) cost little; for anything else, the names of tables included, nft reads every rule there is,
   * which takes seconds where there are thousands.
   *
   * @returns The document of `nft -j list`; undefined when there is no such thing.
   * @throws {NftablesError} It could not be listed.
   */
  list(words: readonly string[], options: { readonly signal: AbortSignal }): Promise<unknown>;
  /**
   * The names of all tables, as `FAMILY NAME`. Reads every rule there is: for people, not for a loop.
   *
   * @throws {NftablesError} No command, or no privilege.
   */
  tables(options: { readonly signal: AbortSignal }): Promise<readonly string[]>;
}

/** Thrown when nft did not do what it was asked. `hint` is what the operator can do about it. */
export class NftablesError extends Error {
  override readonly name = 'NftablesError';
  readonly code: 'no-command' | 'no-privilege' | 'busy' | 'missing' | 'refused';
  readonly hint: string;

  constructor(
    code: NftablesError['code'],
    message: string,
    options: { readonly hint: string; readonly cause?: unknown },
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }

  /** The message and the hint as two sentences. */
  get inWords(): string {
    return `${this.message.replace(/[.\s]*$/, '.')} ${this.hint}`;
  }
}
