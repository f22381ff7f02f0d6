import { IPPROTO_TCP, SO_KEEPALIVE, SOL_SOCKET } from './socket-options.ts';
import { TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_NODELAY, TCP_USER_TIMEOUT } from './socket-options.ts';
import type { SocketTuning } from '../socket-tuning.ts';
import type { Kernel } from './kernel.ts';

/** Between two questions to a silent peer, in seconds. */
const KEEP_ALIVE_INTERVAL_S = 1;

/**
 * Sends small writes at once, asks a silent peer whether it is there, and bounds how long it may take to
 * answer. On a listening socket it holds for every connection it accepts, at no cost for each.
 */
export function tuneDescriptor(kernel: Kernel, fd: number, tuning: SocketTuning): void {
  const idleS = Math.max(1, Math.round(tuning.keepAliveIdleMs / 1_000));
  kernel.setOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  kernel.setOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  kernel.setOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, idleS);
  kernel.setOption(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEP_ALIVE_INTERVAL_S);
  kernel.setOption(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, tuning.userTimeoutMs);
}
