import { formatSocketAddress } from '../../domain/address.ts';
import { DialError } from '../../ports/dialer.ts';
import type { SocketAddress } from '../../domain/address.ts';
import type { Clock } from '../../ports/clock.ts';

const CODES: ReadonlyMap<string, DialError['code']> = new Map([
  ['ECONNREFUSED', 'refused'],
  ['EHOSTUNREACH', 'unreachable'],
  ['ENETUNREACH', 'unreachable'],
  ['EHOSTDOWN', 'unreachable'],
  ['ETIMEDOUT', 'timeout'],
]);

/**
 * The error of a call that failed while dialling.
 *
 * @param name - What the error is called, e.g. `ECONNREFUSED`; anything else is told as it is.
 */
export function dialError(
  to: SocketAddress,
  { call, name }: { readonly call: string; readonly name: string },
  cause?: unknown,
): DialError {
  return new DialError(CODES.get(name) ?? 'failed', `${formatSocketAddress(to)}: ${call} ${name}`, { cause });
}

/**
 * The error of a socket that met itself; undefined where it did not. Without a listener, a port of the
 * ephemeral range can meet itself: TCP's simultaneous open.
 */
export function metItself({
  local,
  peer,
}: {
  readonly local: SocketAddress;
  readonly peer: SocketAddress;
}): DialError | undefined {
  if (local.port !== peer.port || local.address !== peer.address) return undefined;
  return new DialError('refused', `${formatSocketAddress(peer)}: nobody listens; the socket met itself`);
}

/**
 * Gives a dial up when its time is over or nobody wants it any more.
 *
 * @param giveUp - Gets the reason; not called any more once the dial has ended.
 * @returns Call it when the dial has ended, however it did.
 */
export function limitDial(
  clock: Clock,
  to: SocketAddress,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
  giveUp: (reason: Error) => void,
): () => void {
  const abort = (): void => {
    giveUp(signal.reason as Error);
  };
  const cancel = clock.schedule(timeoutMs, () => {
    const text = formatSocketAddress(to);
    giveUp(new DialError('timeout', `${text} did not answer within ${timeoutMs} ms`));
  });
  signal.addEventListener('abort', abort, { once: true });
  return () => {
    cancel();
    signal.removeEventListener('abort', abort);
  };
}
