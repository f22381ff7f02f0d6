import type { IpAddress } from '../../src/domain/address.ts';

/** The tables of the simulated kernel, in the order of iptables-save. */
export type TableName = 'filter' | 'nat';

/** A condition or its opposite (`!`). */
export interface Negatable<T> {
  readonly value: T;
  readonly isNegated: boolean;
}

/** An address with the length of its prefix in bits, e.g. 10.0.0.0/8. */
export interface Network {
  readonly address: IpAddress;
  readonly prefix: number;
}

/** Ports from the first to the last, both included; 0–65535, since rules may say 0. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** The connection states of `--ctstate`, in the order in which iptables-save writes them. */
export const CONNECTION_STATES = [
  'INVALID',
  'NEW',
  'RELATED',
  'ESTABLISHED',
  'UNTRACKED',
  'SNAT',
  'DNAT',
] as const;

export type ConnectionState = (typeof CONNECTION_STATES)[number];

/** The kinds of addresses of `-m addrtype`, in the order in which iptables-save writes them. */
export const ADDRESS_KINDS = ['UNICAST', 'LOCAL', 'BROADCAST', 'MULTICAST'] as const;

export type AddressKind = (typeof ADDRESS_KINDS)[number];

/** A loaded match (`-m`) with its options. */
export type Match =
  | {
      readonly kind: 'tcp' | 'udp';
      readonly source: Negatable<PortRange> | undefined;
      readonly destination: Negatable<PortRange> | undefined;
      /** `--tcp-flags MASK SET`; of tcp only. */
      readonly flags:
        Negatable<{ readonly mask: readonly string[]; readonly set: readonly string[] }> | undefined;
    }
  | { readonly kind: 'icmp' | 'icmp6'; readonly type: Negatable<string> | undefined }
  | {
      readonly kind: 'multiport';
      readonly side: 'source' | 'destination' | 'either';
      readonly ports: Negatable<readonly PortRange[]>;
    }
  | {
      readonly kind: 'addrtype';
      readonly source: Negatable<readonly AddressKind[]> | undefined;
      readonly destination: Negatable<readonly AddressKind[]> | undefined;
    }
  | {
      readonly kind: 'conntrack';
      readonly states: Negatable<readonly ConnectionState[]> | undefined;
      readonly originalDestination: Negatable<Network> | undefined;
      readonly originalPort: Negatable<PortRange> | undefined;
    }
  | { readonly kind: 'mark'; readonly mark: Negatable<{ readonly value: number; readonly mask: number }> }
  | {
      readonly kind: 'owner';
      readonly uid: Negatable<PortRange> | undefined;
      readonly gid: Negatable<PortRange> | undefined;
    }
  | { readonly kind: 'comment'; readonly text: string }
  | { readonly kind: 'limit'; readonly rate: string; readonly burst: number };

/** What becomes of a packet that meets a rule's conditions. */
export type Target =
  | { readonly kind: 'none' }
  | { readonly kind: 'ACCEPT' | 'DROP' | 'RETURN' | 'MASQUERADE' }
  | { readonly kind: 'REJECT'; readonly answer: string }
  | { readonly kind: 'LOG'; readonly prefix: string; readonly level: number }
  | { readonly kind: 'DNAT'; readonly to: { readonly address: IpAddress; readonly port: number | undefined } }
  | { readonly kind: 'REDIRECT'; readonly port: number | undefined }
  | { readonly kind: 'jump' | 'goto'; readonly chain: string };

/** A rule as the simulated kernel understands it. */
export interface Rule {
  readonly source: Negatable<Network> | undefined;
  readonly destination: Negatable<Network> | undefined;
  /** A name that ends in `+` stands for every name that begins so. */
  readonly inInterface: Negatable<string> | undefined;
  readonly outInterface: Negatable<string> | undefined;
  /** In lower case, e.g. `tcp`. */
  readonly protocol: Negatable<string> | undefined;
  /** In the order in which they were loaded. */
  readonly matches: readonly Match[];
  readonly target: Target;
}

/** A chain of one table. */
export interface Chain {
  /** Of a builtin chain only. */
  readonly policy: 'ACCEPT' | 'DROP' | undefined;
  readonly rules: readonly Rule[];
}

/** The chains of one table by name: the builtin ones first, the others in the order of their making. */
export type Chains = ReadonlyMap<string, Chain>;

/** The hooks of each table that packets pass, by the name of the builtin chain that stands there. */
export const BUILTIN_CHAINS: Readonly<Record<TableName, readonly string[]>> = {
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
};
