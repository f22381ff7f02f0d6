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
