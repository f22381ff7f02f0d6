import type { IpAddress } from './address.ts';
import type { Descriptor } from './descriptor.ts';

/** The identity of a consumer: the container id, or `static`. */
export type ConsumerId = string & { readonly __brand: 'ConsumerId' };

/** Any consumer: a static binding may serve whoever arrives [C5]. */
export type AnyAddress = '*';

/** One address of a consumer on one network. */
export interface ConsumerAddress {
  readonly address: IpAddress | AnyAddress;
  /** The network's name, for people. */
  readonly network: string;
  /** Docker's endpoint id: new whenever the address is given anew, so that a reused address is told apart. */
  readonly endpointId: string;
}

/** A wish for a binding, and where it was written. */
export interface WantedBinding {
  readonly descriptor: Descriptor;
  /** For messages: "variable BACKEND_DB", "label embassy.backend.db", "option -services". */
  readonly place: string;
}

/** What a container was made of, as its maker wrote it. */
export interface ContainerTraits {
  /** E.g. `registry.example/shop:1.2`. */
  readonly image: string;
  readonly labels: readonly (readonly [name: string, value: string])[];
}

/** Who may use bindings: a running container with its addresses, or the static consumer. */
export interface Consumer {
  readonly id: ConsumerId;
  /** For people, e.g. `web-1`. */
  readonly name: string;
  /** What a policy may ask for beside the name; undefined for the static consumer: no policy is about it. */
  readonly traits?: ContainerTraits | undefined;
  /** When this life of the consumer began; a restart is another life. ISO 8601 with its full precision. */
  readonly startedAt: string;
  /** Who owns the network namespace when it is another container's (`container:X`); else undefined. */
  readonly namespaceOwner: ConsumerId | undefined;
  readonly addresses: readonly ConsumerAddress[];
  /** Environment before labels; the order in which they were written within each. */
  readonly wants: readonly WantedBinding[];
}

/** Brands a text as a consumer's identity. Pure; for providers. */
export function consumerId(text: string): ConsumerId {
  return text as ConsumerId;
}

/**
 * Orders two instants as Docker writes them: RFC 3339 in UTC with up to nine digits of fraction, trailing
 * zeros dropped, which plain text comparison gets wrong.
 *
 * @returns Negative, 0 or positive, as for `sort`.
 *
 * Pure.
 */
export function compareStartedAt(a: string, b: string): number {
  const [left, right] = [paddedInstant(a), paddedInstant(b)];
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

function paddedInstant(instant: string): string {
  const [seconds = '', fraction = ''] = instant.replace(/Z$/, '').split('.');
  return `${seconds}.${fraction.padEnd(9, '0')}`;
}
