import type { SocketTuning } from '../socket-tuning.ts';
import type { Kernel } from './kernel.ts';

/** SOL_SOCKET and IPPROTO_TCP with the options of socket(7) and tcp(7). */
const SOL_SOCKET = 1;
const SO_KEEPALIVE = 9;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const TCP_USER_TIMEOUT = 18;

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
