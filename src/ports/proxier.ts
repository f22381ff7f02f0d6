import type { RoutingTable } from '../domain/routing-table.ts';

/**
 * Carries the traffic of all routes.
 */
export interface Proxier extends AsyncDisposable {
  /**
   * Makes the data plane match a table. Idempotent and complete: the table is the full desired state. A
   * binding that is gone, or whose owner changed, has its connections closed [C10]; all others go on.
   *
   * @throws {Error} When the data plane did not take it; the caller tries again with the newest table.
   *   Trouble with a single route never throws: it is logged and the others are carried.
   *
   * Calls don't overlap; each later table has a higher version.
   */
  sync(table: RoutingTable): Promise<void>;
  /**
   * Stops taking new connections and waits for open ones to end.
   *
   * @param deadlineMs - How long they may take; what is open then is cut [C9].
   * @param signal - Ends the wait: what is open is cut at once.
   * @returns The count of connections that were cut.
   */
  drain(deadlineMs: number, options: { readonly signal: AbortSignal }): Promise<number>;
}
