import { socketCallsIfAny } from './socket-calls.ts';
import { handleOf } from './tcp-handle.ts';
import type { Socket } from 'node:net';
import type { SocketOption } from './socket-calls.ts';
import type { TcpHandle } from './tcp-handle.ts';

/** IPPROTO_TCP, TCP_USER_TIMEOUT; see tcp(7). */
const TCP_USER_TIMEOUT: SocketOption = { level: 6, name: 18 };

/** How soon a peer that went without a word is noticed [P22]. */
export interface SocketTuning {
  /** Silence after which the kernel asks whether the peer is there; milliseconds, whole seconds count. */
  readonly keepAliveIdleMs: number;
  /** How long sent bytes or such a question may go unanswered before the connection is lost. */
  readonly userTimeoutMs: number;
}

/**
 * Loses a vanished peer within a minute, where the kernel by itself takes 15 minutes with bytes under way and
 * for ever without.
 *
 * @see linkerd2-proxy, TCP_USER_TIMEOUT of 30 s (linkerd2#13023).
 */
export const SOCKET_TUNING_DEFAULT: SocketTuning = { keepAliveIdleMs: 20_000, userTimeoutMs: 30_000 };

/**
 * Sends small writes at once, asks a silent peer whether it is there, and bounds how long it may take to
 * answer. On a listening socket it holds for every connection it accepts, at no cost for each.
 *
 * @returns Whether all was set; false where the platform lacks the time limit, and keep-alive alone must do,
 *   or when the connection is already lost, which its next read says.
 */
export function tune(handle: TcpHandle, tuning: SocketTuning): boolean {
  const noDelay = handle.setNoDelay(true);
  const keepAlive = handle.setKeepAlive(true, Math.max(1, Math.round(tuning.keepAliveIdleMs / 1_000)));
  const userTimeout = socketCallsIfAny()?.setOption(handle.fd, TCP_USER_TIMEOUT, tuning.userTimeoutMs);
  return noDelay === 0 && keepAlive === 0 && userTimeout === 0;
}

/**
 * Destroys a socket and tells its peer so (RST).
 *
 * Not by `resetAndDestroy` alone: while an end waits behind unsent bytes libuv refuses to reset, and Node
 * then forgets the descriptor without closing it. Where this platform offers nothing else, such a socket
 * ends without the RST.
 *
 * @see libuv, uv_tcp_close_reset; Node.js, Socket.prototype._destroy.
 */
export function resetSocket(socket: Socket): void {
  const handle = handleOf(socket);
  const resets = handle !== undefined && socketCallsIfAny()?.resetOnClose(handle.fd) === 0;
  const isEnding = socket.writableEnded && !socket.writableFinished;
  if (resets || isEnding) socket.destroy();
  else socket.resetAndDestroy();
}
