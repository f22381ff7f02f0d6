import { formatSocketAddress } from '../domain/address.ts';
import type { IpAddress, SocketAddress } from '../domain/address.ts';
import type { Route } from '../domain/route.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { RefusalReason } from '../ports/metrics.ts';

/** A refusal of one kind is one line in this time, however often it is repeated. */
const QUIET_MS = 60_000;

/** How many kinds of refusal are remembered; beyond it the oldest is forgotten and may be said again. */
const KINDS_MAX = 1_000;

/** What was refused, and why. */
export interface Refusal {
  readonly source: IpAddress;
  readonly destination: SocketAddress | undefined;
  readonly reason: RefusalReason;
  readonly route: Route | undefined;
}

/**
 * Says why connections are refused, in words, once a minute for each consumer, destination and reason: a
 * consumer that retries in a loop must not fill the disk.
 */
export class RefusalLog {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #saidAtMs = new Map<string, number>();

  constructor(dependencies: { readonly clock: Clock; readonly log: Log }) {
    this.#clock = dependencies.clock;
    this.#log = dependencies.log;
  }

  say(refusal: Refusal): void {
    const { source, destination, reason, route } = refusal;
    const to = destination === undefined ? 'an unknown destination' : formatSocketAddress(destination);
    const kind = `${source} ${to} ${reason}`;
    const nowMs = this.#clock.monotonicMs();
    const saidAtMs = this.#saidAtMs.get(kind);
    if (saidAtMs !== undefined && nowMs - saidAtMs < QUIET_MS) return;
    this.#saidAtMs.delete(kind);
    this.#saidAtMs.set(kind, nowMs);
    if (this.#saidAtMs.size > KINDS_MAX) {
      const [oldest] = this.#saidAtMs.keys();
      if (oldest !== undefined) this.#saidAtMs.delete(oldest);
    }
    const who = route === undefined ? source : `${route.binding.consumerName} (${source})`;
    this.#log.info(`refused ${who} to ${to}: ${inWords(reason, route)}`);
  }
}

function inWords(reason: RefusalReason, route: Route | undefined): string {
  const service = route === undefined ? 'the service' : `service ${route.binding.descriptor.service}`;
  switch (reason) {
    case 'unbound':
      return 'this consumer has no binding of that port';
    case 'unknown':
      return `nothing is known of ${service} yet (discovery has not answered)`;
    case 'no endpoint':
      return `${service} has no endpoint`;
    case 'all dials failed':
      return `no endpoint of ${service} answered`;
    case 'limit':
      return 'the limit of open connections is reached (--max-connections)';
    case 'denied':
      return 'the policy denies it';
  }
}
