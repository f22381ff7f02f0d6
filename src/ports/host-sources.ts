import type { IpAddress, Port } from '../domain/address.ts';
import type { Problem } from '../domain/result.ts';
import type { Outage } from './discovery.ts';

/** The settings of the kernel that a host's examination reads, by their place below /proc/sys. */
export type KernelSetting =
  | 'net/bridge/bridge-nf-call-iptables'
  | 'net/ipv4/ip_forward'
  | 'net/ipv4/tcp_keepalive_time'
  | 'net/netfilter/nf_conntrack_count'
  | 'net/netfilter/nf_conntrack_max'
  | 'net/netfilter/nf_conntrack_tcp_timeout_established';

/** One of our jumps, as it stands in a chain of the host. */
export interface JumpFacts {
  /** Where it stands, as an operator would say it: `iptables, table nat, PREROUTING`. */
  readonly where: string;
  /** The chain of ours it leads to, e.g. `EMBASSY`. */
  readonly to: string;
  /** How often exactly this rule is there; one unless something went wrong. */
  readonly count: number;
  /** Rules of others that stand before it. */
  readonly behind: number;
  /** Rules in the chain it leads to. */
  readonly rules: number;
  /** Whether traffic that a rule before it takes is lost for us. */
  readonly mustBeFirst: boolean;
}

/** What the rules of iptables look like. */
export interface RuleFacts {
  /** The variants of iptables that answer, e.g. `nft, legacy`. */
  readonly variants: readonly string[];
  /** Says that rules of others are in both variants, and what to do; undefined where they are not. */
  readonly mixed: string | undefined;
  /** The tables in which somebody wrote with nft what iptables cannot show. */
  readonly incompatible: readonly string[];
  /** The firewalls that have chains here: `ufw`, `firewalld`. */
  readonly firewalls: readonly string[];
  /** Whether what arrives for a port of this host may be turned away. */
  readonly isInputClosed: boolean;
  /** Whether what is forwarded is dropped unless a rule accepts it, and Docker has none that do. */
  readonly isForwardClosed: boolean;
  /** Whether Docker drops what comes from elsewhere to a container's own address, also answers. */
  readonly guardsContainers: boolean;
  /** Whether a rule of ours accepts there what was captured. */
  readonly isInputOpened: boolean;
  readonly jumps: readonly JumpFacts[];
  /** Where a rule of ours lets through what the kernel leads from one bridge to another. */
  readonly passages: readonly string[];
}

/** How a server's clock and ours differ. */
export interface ClockFacts {
  /** The discovery that was asked, e.g. `consul`. */
  readonly source: string;
  /** Its clock less ours, in milliseconds; both are told in whole seconds. */
  readonly aheadMs: number;
}

/**
 * What is looked at to examine a host. Nothing is changed by any of these, and each may be asked while the
 * others are.
 */
export interface HostSources {
  /** @returns The text of a setting; undefined where there is none, or it may not be read. */
  setting(name: KernelSetting): Promise<string | undefined>;
  /** How many files this process may open; undefined where there is no limit. */
  openFileLimit(): number | undefined;
  /** The TCP ports at which something of this host listens. */
  listeningPorts(): readonly Port[];
  /** Milliseconds since 1970 UTC. */
  wallMs(): number;
  /** @returns The version of the daemon that answers here; undefined where none does. */
  daemonVersion(options: { readonly signal: AbortSignal }): Promise<string | undefined>;
  /**
   * @returns What of the engine keeps its containers from being captured from here.
   * @throws {Error} The engine cannot be asked; the message says why and what to do.
   */
  engineProblems(options: { readonly signal: AbortSignal }): Promise<readonly Problem[]>;
  /**
   * @returns What consumers dial.
   * @throws {Error} It cannot be told; the message says why and what to do.
   */
  virtualIps(options: { readonly signal: AbortSignal }): Promise<readonly IpAddress[]>;
  /**
   * @returns What iptables has; undefined where it is not installed.
   * @throws {Error} It cannot be read; the message says why and what to do.
   */
  rules(options: { readonly signal: AbortSignal }): Promise<RuleFacts | undefined>;
  /**
   * @returns The names of all tables of nftables, as `FAMILY NAME`.
   * @throws {Error} They cannot be read; the message says why and what to do.
   */
  nftTables(options: { readonly signal: AbortSignal }): Promise<readonly string[]>;
  /** The discoveries that were chosen, in order. */
  readonly discoveries: readonly {
    readonly name: string;
    probe(options: { readonly signal: AbortSignal }): Promise<Outage | undefined>;
    /** @returns Its server's time, milliseconds since 1970 UTC; undefined where it tells none. */
    serverTimeMs(options: { readonly signal: AbortSignal }): Promise<number | undefined>;
  }[];
}
