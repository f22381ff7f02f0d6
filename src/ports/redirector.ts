import type { AddressFamily, IpAddress, Port, SocketAddress } from '../domain/address.ts';
import type { AnyAddress } from '../domain/consumer.ts';

/**
 * The mark (SO_MARK) of our own connections to a virtual IP, which no rule may lead back to us. Any value
 * that no other program of a Docker host uses; see the marks of kube-proxy (0x4000, 0x8000) and Tailscale
 * (0x80000).
 */
export const OWN_TRAFFIC_MARK = 0xe3ba_5500;

/** A port somebody bound, and from where: `*` is anywhere. */
export interface BoundPort {
  readonly source: IpAddress | AnyAddress;
  readonly port: Port;
}

/** On a Docker host: what containers send to the virtual IP goes to the listener (`--dnat`). */
export interface DnatCapture {
  readonly kind: 'dnat';
  /** The addresses consumers dial; one per family at most, one at least. */
  readonly virtualIps: readonly IpAddress[];
  /** Traffic is captured only where it comes from one of these interfaces; sorted, distinct. */
  readonly interfaces: readonly string[];
  /** Where captured traffic goes: for each family of `virtualIps`, the listener's address and port. */
  readonly listeners: readonly SocketAddress[];
  /** What arrives is captured only if it is among these, sorted; undefined captures every port. */
  readonly bound: readonly BoundPort[] | undefined;
  /** Ports for which the host's own traffic to the virtual IP is captured, too; sorted, distinct. */
  readonly localPorts: readonly Port[];
}

/** In a network namespace of one's own: what arrives there goes to the listener (`--redirect`). */
export interface RedirectCapture {
  readonly kind: 'redirect';
  /**
   * Which families have a listener; what arrives for any address of the namespace is captured, but for the
   * listener's own port. Sorted.
   */
  readonly families: readonly AddressFamily[];
  /** What processes of the namespace send to these is captured, too; may be empty; one per family at most. */
  readonly virtualIps: readonly IpAddress[];
  /** The port of the listener, at all addresses. */
  readonly port: Port;
  /** As in {@link DnatCapture}, for both directions. */
  readonly bound: readonly BoundPort[] | undefined;
}

/** What is to be captured: the full desired state of a redirector. */
export type Capture = DnatCapture | RedirectCapture;

/**
 * Writes the rules of a capture mode into the kernel. The rules are ours alone and found by our own chain, so
 * what a crash left is found again. Our own connections, marked {@link OWN_TRAFFIC_MARK}, are never captured.
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
