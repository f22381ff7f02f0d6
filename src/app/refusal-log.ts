import { formatSocketAddress } from '../domain/address.ts';
import type { IpAddress, SocketAddress } from '../domain/address.ts';
import type { Route } from '../domain/route.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { RefusalReason } from '../ports/metrics.ts';

/** The time in which a refusal of one kind is one line, however often it is repeated. */
const WINDOW_MS = 60_000;

/** The most lines in that time; a consumer that tries every port must not fill the disk. */
const LINES_MAX = 100;

/** What was refused, and why. */
export interface Refusal {
  readonly source: IpAddress;
  readonly destination: SocketAddress | undefined;
  readonly reason: RefusalReason;
  readonly route: Route | undefined;
}

/**
 * Says why connections are refused, in words, once a minute for each consumer, destination and reason, and no
 * more than a bounded count of lines; all are counted in the metrics.
 */
export class RefusalLog {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #said = new Set<string>();
  #windowEndAtMs = -Infinity;

  constructor(dependencies: { readonly clock: Clock; readonly log: Log }) {
    this.#clock = dependencies.clock;
    this.#log = dependencies.log;
  }

  say(refusal: Refusal): void {
    const { source, destination, reason, route } = refusal;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs >= this.#windowEndAtMs) {
      this.#said.clear();
      this.#windowEndAtMs = nowMs + WINDOW_MS;
    }
    if (this.#said.size > LINES_MAX) return;
    const to = destination === undefined ? 'an unknown destination' : formatSocketAddress(destination);
    const kind = `${source} ${to} ${reason}`;
    if (this.#said.has(kind)) return;
    this.#said.add(kind);
    if (this.#said.size > LINES_MAX) {
      this.#log.warn(`more than ${LINES_MAX} kinds of refusals in a minute; further ones are only counted`);
      return;
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
      return 'the access policy denies this consumer what it asked for there (--access-policy)';
  }
}
