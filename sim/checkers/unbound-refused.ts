import { RULES_BACK_MS } from './captured.ts';
import { seconds } from '../trace.ts';
import type { Call } from '../call.ts';
import type { Fault } from '../faults.ts';
import type { Truth } from '../truth.ts';
import type { Violation } from './violation.ts';

/** How long a refusal may take [C5]. */
const REFUSAL_LIMIT_MS = 100;

/** The fault by which another embassy begins. */
const KILLED: Fault = 'embassy killed';

/** The name of this checker. */
export const UNBOUND_REFUSED = 'an unbound connection is refused';

/**
 * Checks that a connection to a port its consumer did not bind was refused, in time [C5, D01]. A binding of
 * an earlier holder of the address excuses it for as long as embassy may not know better [C10].
 *
 * Pure.
 */
export function checkUnboundRefused(call: Call, truth: Truth): Violation | undefined {
  const fromMs = truth.oldestGoodMs('provider', call.atMs);
  const holders = truth.holdersWithin(call.source, fromMs, call.endedAtMs);
  const isBound = holders.some((holder) => holder.wants.some((want) => want.port === call.port));
  if (isBound) return undefined;
  const tookMs = call.endedAtMs - call.atMs;
  const inTime = call.outcome.kind === 'refused' && tookMs <= REFUSAL_LIMIT_MS;
  if (inTime || call.outcome.kind === 'given up') return undefined;
  // Where embassy's rules are not in force it does not see the connection, and a firewall may swallow it.
  const isCaptured = !truth.hadKernelTrouble(call.atMs - RULES_BACK_MS, call.endedAtMs);
  // One that was started anew while the engine is away does not know yet from which bridges to capture.
  const isNew = truth.hadKernelTrouble(fromMs, call.endedAtMs, KILLED);
  if (call.outcome.kind !== 'reached' && (!isCaptured || isNew)) return undefined;
  return {
    checker: UNBOUND_REFUSED,
    atMs: call.atMs,
    expected:
      `${call.container} (${call.source}) to port ${call.port}: refused within ${REFUSAL_LIMIT_MS} ms; ` +
      `nobody with that address wanted the port since ${seconds(Math.max(0, fromMs)).trim()} s`,
    seen:
      call.outcome.kind === 'reached'
        ? `it reached ${call.outcome.endpoint}`
        : `${call.outcome.kind} after ${tookMs} ms`,
  };
}
