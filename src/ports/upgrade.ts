/** A daemon that this one started to take over from it. */
export interface Successor {
  readonly pid: number;
  /**
   * Resolves once it could serve, with what it does not know yet, in words; nothing where it knows all. Need
   * not be waited for: a rejection that nobody hears is no fault.
   *
   * @throws {SuccessorError} It ended, or could not be started.
   */
  readonly ready: Promise<readonly string[]>;
  /** Tells it to take over. Repeated: a no-op. */
  letGo(): void;
  /** Ends it at once. Repeated, or when it has ended: a no-op. */
  kill(): void;
}

/** The daemon that started this one, to have it take over. */
export interface Predecessor {
  /** Tells it that this one could serve, and what it does not know yet. */
  ready(lacks: readonly string[]): void;
  /** Resolves once it has let go, or is gone in another way. Never rejects. */
  readonly gone: Promise<void>;
}

/** Whose the rules of this host are: in an upgrade two daemons run at once for a while. */
export interface RulesTurn {
  /** Whether they are this daemon's: an earlier one has let go of them, and they are no later one's yet. */
  readonly isOurs: boolean;
  /**
   * Resolves with true once an earlier daemon has let go of them, at once where there is none; with false
   * when aborted before.
   */
  comes(options: { readonly signal: AbortSignal }): Promise<boolean>;
}

/** Thrown when a daemon cannot take over; the message says why. */
export class SuccessorError extends Error {
  override readonly name = 'SuccessorError';
}
