import { at } from '../../support/addresses.ts';
import type { HostWishes } from '../../../src/app/doctor/host-facts.ts';
import type { HostSources, JumpFacts, KernelSetting, RuleFacts } from '../../../src/ports/host-sources.ts';

/** 2026-06-01 UTC. */
export const NOW_MS = 1_780_272_000_000;

const VIRTUAL = at('172.17.0.1:9999');

export const LISTENER = VIRTUAL.port;

/** The jump by which containers' traffic comes. */
export const JUMP: JumpFacts = {
  where: 'iptables, table nat, PREROUTING',
  to: 'EMBASSY',
  count: 1,
  behind: 0,
  rules: 1,
  mustBeFirst: true,
};

export const RULES: RuleFacts = {
  variants: ['nft'],
  mixed: undefined,
  incompatible: [],
  firewalls: [],
  isInputClosed: false,
  isForwardClosed: false,
  guardsContainers: false,
  isInputOpened: false,
  jumps: [JUMP],
  passages: [],
};

const SETTINGS: Readonly<Record<KernelSetting, string>> = {
  'net/bridge/bridge-nf-call-iptables': '1\n',
  'net/ipv4/ip_forward': '1\n',
  'net/ipv4/tcp_keepalive_time': '7200\n',
  'net/netfilter/nf_conntrack_count': '100\n',
  'net/netfilter/nf_conntrack_max': '1000\n',
  'net/netfilter/nf_conntrack_tcp_timeout_established': '432000\n',
};

/** What the healthy host's operator wants. */
export const WISHES: HostWishes = {
  provider: 'docker',
  capture: 'dnat',
  proxier: 'userspace',
  keepRules: false,
  port: LISTENER,
  maxConnections: 10_000,
};

/** What is different from a healthy host on which embassy runs. */
export type HostChange = Partial<HostSources> & {
  readonly settings?: Partial<Record<KernelSetting, string | undefined>>;
};

/** A Docker host on which embassy runs and all is well, but for what is changed. */
export function healthyHost({ settings = {}, ...change }: HostChange = {}): HostSources {
  const all: Readonly<Record<KernelSetting, string | undefined>> = { ...SETTINGS, ...settings };
  return {
    setting: async (name) => all[name],
    openFileLimit: () => 65_536,
    listeningPorts: () => [LISTENER],
    wallMs: () => NOW_MS,
    daemonVersion: async () => '1.2.3',
    engineProblems: async () => [],
    virtualIps: async () => [VIRTUAL.address],
    rules: async () => RULES,
    nftTables: async () => [],
    discoveries: [{ name: 'consul', probe: async () => undefined, serverTimeMs: async () => NOW_MS + 400 }],
    ...change,
  };
}
