import type { AccessRecord } from '../ports/access-log.ts';
import type { Clock } from '../ports/clock.ts';
import type { RefusalReason } from '../ports/metrics.ts';
import type { ConnectionLife } from './connection-life.ts';

/** What an ended connection is told as; `refused` is what its life resolved with. Reads the clock. */
export function accessRecord(
  { clock }: { readonly clock: Clock },
  life: ConnectionLife,
  refused: RefusalReason | undefined,
): AccessRecord {
  const durationMs = clock.monotonicMs() - life.startedAtMs;
  const { attempts, outcome, route } = life;
  return {
    acceptedAtMs: clock.wallMs() - durationMs,
    durationMs,
    source: life.downstream.peer,
    destination: life.destination,
    consumerName: route?.binding.consumerName,
    service: route?.binding.descriptor.service,
    endpoint: attempts.at(-1)?.endpoint,
    dials: attempts.length,
    dialMs: attempts.reduce((sum, { tookMs }) => sum + tookMs, 0),
    bytesToEndpoint: outcome?.toUpstream ?? 0,
    bytesToConsumer: outcome?.toDownstream ?? 0,
    // A connection that was cut before it was relayed has no outcome of a relay.
    outcome:
      refused === undefined
        ? { kind: 'relayed', end: outcome?.end ?? 'aborted' }
        : { kind: 'refused', reason: refused },
  };
}
