import type { IpAddress, SocketAddress } from '../domain/address.ts';

/** What is to be captured: the full desired state of a redirector. */
export interface Capture {
  /** The addresses consumers dial; one per family at most. */
  readonly virtualIps: readonly IpAddress[];
  /** Traffic is captured only where it comes from one of these interfaces; sorted, distinct. */
  readonly interfaces: readonly string[];
  /** Where captured traffic goes: for each family of `virtualIps`, the listener's address and port. */
  readonly listeners: readonly SocketAddress[];
}

/**
 * Writes the rules of a capture mode into the kernel. The rules are ours alone and found by our own chain, so
 * what a crash left is found again.
 */
export interface Redirector {
  /**
   * Makes the rules match: written where missing, replaced where different, untouched where equal. One
   * transaction: the kernel never holds half of them. Running it any number of times ends with exactly one
   * set.
   *
   * @returns Whether anything had to be written.
   * @throws {RedirectorError} No privilege, no such command, a lock held too long, or the kernel refuses;
   *   nothing has changed then.
   *
   * Calls don't overlap.
   */
  ensure(capture: Capture, options: { readonly signal: AbortSignal }): Promise<boolean>;
  /**
   * Removes every rule of ours, whoever wrote it; a host without any is fine.
   *
   * @returns Whether there was anything to remove.
   * @throws {RedirectorError} As in `ensure`.
   */
  cleanup(options: { readonly signal: AbortSignal }): Promise<boolean>;
}

/**
 * Thrown when the kernel's rules could not be read or written. `hint` is what the operator can do about it.
 */
export class RedirectorError extends Error {
  override readonly name = 'RedirectorError';
  readonly code: 'no-privilege' | 'no-command' | 'busy' | 'refused';
  readonly hint: string;

  constructor(
    code: RedirectorError['code'],
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
