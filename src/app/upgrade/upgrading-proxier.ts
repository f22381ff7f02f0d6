import type { RoutingTable } from '../../domain/routing-table.ts';
import type { Proxier } from '../../ports/proxier.ts';
import type { RulesTurn } from '../../ports/upgrade.ts';

/** How a relaying proxier behaves when a successor takes its listeners over. */
export interface HandingOverOptions {
  /** Lets the successor accept; false where there is none, and this is a plain stop. */
  readonly letGo: () => Promise<boolean>;
  /** How long open connections may go on then, in milliseconds: nobody waits for our end. */
  readonly drainMs: number;
}

/**
 * Makes a proxier that lets a successor accept before it closes its own listeners, so that at every moment
 * somebody does, and gives its connections longer then [P37].
 */
export function handingOverProxier(proxier: Proxier, options: HandingOverOptions): Proxier {
  return {
    sync: async (table) => proxier.sync(table),
    drain: async (deadlineMs, rest) => {
      const isUpgrade = await options.letGo();
      return proxier.drain(isUpgrade ? options.drainMs : deadlineMs, rest);
    },
    [Symbol.asyncDispose]: async () => proxier[Symbol.asyncDispose](),
  };
}

/**
 * Makes a proxier that writes nothing before it is this daemon's turn: what the kernel holds is the
 * predecessor's until then. Whoever waits for the turn has the routes synced once more.
 */
export function waitingProxier(proxier: Proxier, turn: Pick<RulesTurn, 'isOurs'>): Proxier {
  return {
    sync: async (table: RoutingTable) => {
      if (turn.isOurs) await proxier.sync(table);
    },
    drain: async (deadlineMs, options) => proxier.drain(deadlineMs, options),
    [Symbol.asyncDispose]: async () => proxier[Symbol.asyncDispose](),
  };
}
