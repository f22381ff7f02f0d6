import { readFileSync } from 'node:fs';
import type { KernelLab } from './kernel-lab.ts';

/** A program that has rules of its own on a host, as it writes them. */
export interface Firewall {
  readonly name: string;
  /** What its start does. */
  start(lab: KernelLab): Promise<void>;
  /** What a container hears that dials a port of the host that nobody opened. */
  readonly deniesInput: string;
  /** What the operator's exception for what is routed adds, where it would deny that. */
  readonly opens: string | undefined;
  /** What it does when it is told to read its rules anew. */
  reload(lab: KernelLab): Promise<void>;
}

const UFW = rulesIn('ufw.rules');

/** The firewalls that stand beside Docker on many hosts. */
export const FIREWALLS: readonly Firewall[] = [
  {
    name: 'ufw',
    deniesInput: 'timeout',
    // ufw route allow in on docker0
    opens: '*filter\n-A ufw-user-forward -i docker0 -j ACCEPT\nCOMMIT\n',
    start: async (lab) => lab.restore(4, UFW),
    // Its chains are emptied and filled; what leads to them stays where it is.
    reload: async (lab) => lab.restore(4, UFW.replaceAll(/^-A (?:INPUT|FORWARD|OUTPUT) .*\n/gm, '')),
  },
  {
    name: 'firewalld over nftables',
    deniesInput: 'EHOSTUNREACH',
    opens: undefined,
    start: async (lab) => lab.nft(rulesIn('firewalld.nft')),
    reload: async (lab) => lab.nft(`delete table inet firewalld\n${rulesIn('firewalld.nft')}`),
  },
  {
    name: 'firewalld over iptables',
    deniesInput: 'ECONNREFUSED',
    opens: undefined,
    start: async (lab) => lab.restore(4, rulesIn('firewalld.rules')),
    // Like many of its versions over nftables it empties what others wrote, too (FlushAllOnReload).
    reload: async (lab) => {
      for (const table of ['raw', 'nat', 'filter']) {
        for (const flag of ['-F', '-X']) await lab.run('iptables', '-t', table, flag);
      }
      await lab.restore(4, rulesIn('firewalld.rules'));
    },
  },
];

function rulesIn(file: string): string {
  return readFileSync(new URL(`firewalls/${file}`, import.meta.url), 'utf8');
}
