import { formatDescriptor } from '../../src/domain/descriptor.ts';
import { seconds } from '../trace.ts';
import type { Call } from '../call.ts';
import type { Truth } from '../truth.ts';
import type { Violation } from './violation.ts';

/** The name of this checker. */
export const ENDPOINT_OF_SERVICE = 'a connection reaches only an endpoint its service had';

/**
 * Checks that the endpoint a connection reached was one of the bound service's, with the tags that were asked
 * for, as late as embassy could know.
 *
 * Pure.
 */
export function checkEndpointOfService(call: Call, truth: Truth): Violation | undefined {
  const { outcome } = call;
  if (outcome.kind !== 'reached') return undefined;
  const holders = truth.holdersWithin(
    call.source,
    truth.oldestGoodMs('provider', call.atMs),
    outcome.reachedAtMs,
  );
  const wants = holders.flatMap((holder) => holder.wants.filter((want) => want.port === call.port));
  const { endpoint, reachedAtMs } = outcome;
  if (wants.some((want) => truth.couldServe(want, endpoint, call.atMs, reachedAtMs))) return undefined;
  const bound = wants.length === 0 ? 'nothing' : wants.map(formatDescriptor).join(' or ');
  return {
    checker: ENDPOINT_OF_SERVICE,
    atMs: outcome.reachedAtMs,
    expected:
      `${call.container} (${call.source}) to port ${call.port}: an endpoint that ${bound} had, ` +
      `as far as could be known at ${seconds(call.atMs).trim()} s`,
    seen: `it reached ${outcome.endpoint}`,
  };
}
