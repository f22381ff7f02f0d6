import type { IpAddress, Port } from '../../domain/address.ts';
import type { Problem } from '../../domain/result.ts';
import type { Outage } from '../../ports/discovery.ts';
import type { ClockFacts, KernelSetting, RuleFacts } from '../../ports/host-sources.ts';

/** An answer, or why there is none. */
export type Told<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: string };

/** Everything an examination judges. */
export interface HostFacts {
  readonly settings: Readonly<Record<KernelSetting, string | undefined>>;
  readonly openFileLimit: number | undefined;
  readonly listeningPorts: readonly Port[];
  readonly wallMs: number;
  /** The version of the daemon that answers; undefined where none does. */
  readonly daemonVersion: string | undefined;
  /** Undefined where no engine is needed. */
  readonly engine: Told<readonly Problem[]> | undefined;
  /** Undefined where nothing depends on it. */
  readonly virtualIps: Told<readonly IpAddress[]> | undefined;
  /** Of iptables; undefined where it is not installed. */
  readonly rules: Told<RuleFacts | undefined>;
  readonly nftTables: Told<readonly string[]>;
  readonly discoveries: readonly { readonly name: string; readonly outage: Outage | undefined }[];
  readonly clocks: readonly ClockFacts[];
}

/** What of the operator's choices the judgement depends on. */
export interface HostWishes {
  readonly provider: 'docker' | 'static';
  readonly capture: 'none' | 'dnat' | 'redirect' | 'listen';
  readonly proxier: 'userspace' | 'nftables' | 'auto';
  readonly keepRules: boolean;
  readonly port: Port;
  readonly maxConnections: number;
}

/** The table of nft that captures where there is no iptables. */
export const CAPTURE_TABLE = 'inet embassy-capture';

/** Whether a daemon is at work here: it answers, or its port is taken while its rules are there. Pure. */
export function isServing(facts: HostFacts, wishes: HostWishes): boolean {
  if (facts.daemonVersion !== undefined) return true;
  const { rules, nftTables } = facts;
  const hasRules =
    (rules.ok && rules.value !== undefined && rules.value.jumps.length > 0) ||
    (nftTables.ok && nftTables.value.includes(CAPTURE_TABLE));
  return hasRules && facts.listeningPorts.includes(wishes.port);
}

/** Whether the kernel may carry connections by itself. Pure. */
export function wantsKernel({ proxier, capture }: HostWishes): boolean {
  return proxier !== 'userspace' && capture === 'dnat';
}

/** Reads a setting as a count; undefined where it is none. Pure. */
export function settingAsCount(facts: HostFacts, name: KernelSetting): number | undefined {
  const text = facts.settings[name]?.trim() ?? '';
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
