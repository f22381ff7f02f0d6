import type { AddressFamily, IpAddress } from '../../src/domain/address.ts';
import type { Pattern, DataType, Value } from './datatype.ts';
import type { PacketView } from './packet-view.ts';
import type { Place } from './refusal.ts';

/** What gives a value of a packet; `numgen inc` counts within it. */
export interface Expression {
  readonly type: DataType;
  readonly place: Place;
  readonly read: (packet: PacketView) => Value | undefined;
}

/** Several expressions: a concatenation. Not empty. */
export type Key = readonly Expression[];

/** What a chain says of a packet. */
export type Verdict =
  | { readonly kind: 'accept' | 'drop' }
  | { readonly kind: 'return' }
  | { readonly kind: 'continue' }
  | { readonly kind: 'goto' | 'jump'; readonly chain: string };

/** What an element of a map leads to. */
export type Data =
  | { readonly kind: 'verdict'; readonly verdict: Verdict }
  | { readonly kind: 'values'; readonly values: readonly Value[] };

/** Elements written in a rule: the key's patterns, and what they lead to in a map. */
export type Inline<T> = readonly { readonly key: readonly Pattern[]; readonly data: T }[];

/** A set or map: one of the table by its name, or one written in the rule. */
export type Lookup<T> =
  | { readonly kind: 'named'; readonly name: string; readonly place: Place }
  | { readonly kind: 'inline'; readonly elements: Inline<T> };

/** Where a translation leads; without a port, to the packet's own. */
export type NatTarget =
  | { readonly kind: 'fixed'; readonly address: IpAddress; readonly port: number | undefined }
  | { readonly kind: 'read'; readonly from: Expression }
  | { readonly kind: 'map'; readonly key: Key; readonly map: Lookup<Data> };

/** One part of a rule; a packet that does not meet one goes on with the next rule. */
export type Statement =
  | {
      readonly kind: 'match';
      readonly key: Key;
      readonly isNegated: boolean;
      readonly set: Lookup<undefined>;
    }
  | { readonly kind: 'bits'; readonly value: Expression; readonly mask: number; readonly test: BitTest }
  | { readonly kind: 'vmap'; readonly key: Key; readonly map: Lookup<Data> }
  | { readonly kind: 'verdict'; readonly verdict: Verdict }
  | { readonly kind: 'counter'; packets: number }
  | Translation
  | { readonly kind: 'redirect'; readonly port: number | undefined }
  | { readonly kind: 'masquerade' | 'reject' }
  | { readonly kind: 'mark'; readonly whose: 'meta' | 'ct'; readonly value: Expression }
  | DynamicUpdate;

/** Writes another destination or source into a connection. */
export interface Translation {
  readonly kind: 'dnat' | 'snat';
  readonly family: AddressFamily;
  readonly target: NatTarget;
  /** Whether the rule asks for TCP or UDP before: only then may a port be written. */
  readonly isBehindTransport: boolean;
  readonly place: Place;
}

/** How bits are compared after the mask; `any`: at least one is there. */
export type BitTest =
  { readonly kind: 'any' } | { readonly kind: 'equal'; readonly bits: number; readonly isNegated: boolean };

/** Writes an element from the packet's way. */
export interface DynamicUpdate {
  readonly kind: 'dynamic';
  /** `add` leaves an element's time as it is, `update` begins it anew. */
  readonly verb: 'add' | 'update' | 'delete';
  readonly set: string;
  readonly place: Place;
  readonly key: Key;
  /** What a map's element leads to. */
  readonly data: Key | undefined;
  readonly timeoutMs: number | undefined;
  readonly hasCounter: boolean;
}

/** A rule; its text is what was written, with single spaces. */
export interface Rule {
  /** The kernel's number for it; 0 until it is written. */
  readonly handle: number;
  readonly text: string;
  readonly comment: string | undefined;
  readonly statements: readonly Statement[];
}
