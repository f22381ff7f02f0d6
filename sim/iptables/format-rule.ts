import { familyOf } from '../../src/domain/address.ts';
import { FULL_MASK } from './rule-value.ts';
import type { Match, Negatable, Network, PortRange, Rule, Target } from './rule.ts';

const LOG_LEVEL_DEFAULT = 4;

const BURST_DEFAULT = 5;

const MULTIPORT_OPTIONS = { source: '--sports', destination: '--dports', either: '--ports' } as const;

/** Writes a rule, without its chain, in the normal form of iptables-save 1.8.9. Pure. */
export function formatRule(rule: Rule): string {
  const header = [
    option(rule.source, '-s', formatNetwork),
    option(rule.destination, '-d', formatNetwork),
    option(anyInterface(rule.inInterface), '-i', String),
    option(anyInterface(rule.outInterface), '-o', String),
    option(rule.protocol, '-p', String),
  ];
  const matches = rule.matches.map((match) => join(['-m', match.kind, ...matchOptions(match)]));
  return join([...header, ...matches, ...targetWords(rule.target)]);
}

function matchOptions(match: Match): readonly (string | undefined)[] {
  switch (match.kind) {
    case 'tcp':
    case 'udp':
      return [
        option(anyPort(match.source), '--sport', formatRange),
        option(anyPort(match.destination), '--dport', formatRange),
        option(match.flags, '--tcp-flags', ({ mask, set }) => `${mask.join(',')} ${set.join(',')}`),
      ];
    case 'icmp':
      return [option(match.type, '--icmp-type', String)];
    case 'icmp6':
      return [option(match.type, '--icmpv6-type', String)];
    case 'multiport':
      return [
        option(match.ports, MULTIPORT_OPTIONS[match.side], (ports) => ports.map(formatRange).join(',')),
      ];
    case 'addrtype':
      return [
        option(match.source, '--src-type', (kinds) => kinds.join(',')),
        option(match.destination, '--dst-type', (kinds) => kinds.join(',')),
      ];
    case 'conntrack':
      return [
        option(match.states, '--ctstate', (states) => states.join(',')),
        option(match.originalDestination, '--ctorigdst', ({ address }) => address),
        option(match.originalPort, '--ctorigdstport', formatRange),
      ];
    case 'mark':
      return [option(match.mark, '--mark', formatMark)];
    case 'owner':
      return [option(match.uid, '--uid-owner', formatIds), option(match.gid, '--gid-owner', formatIds)];
    case 'comment':
      return [`--comment ${quote(match.text)}`];
    case 'limit':
      return [
        `--limit ${match.rate}`,
        match.burst === BURST_DEFAULT ? undefined : `--limit-burst ${match.burst}`,
      ];
  }
}

function targetWords(target: Target): readonly (string | undefined)[] {
  switch (target.kind) {
    case 'none':
      return [];
    case 'ACCEPT':
    case 'DROP':
    case 'RETURN':
    case 'MASQUERADE':
      return ['-j', target.kind];
    case 'REJECT':
      return ['-j REJECT --reject-with', target.answer];
    case 'LOG':
      return [
        '-j LOG',
        target.prefix === '' ? undefined : `--log-prefix ${quote(target.prefix)}`,
        target.level === LOG_LEVEL_DEFAULT ? undefined : `--log-level ${target.level}`,
      ];
    case 'DNAT': {
      const { address, port } = target.to;
      const host = familyOf(address) === 6 && port !== undefined ? `[${address}]` : address;
      return ['-j DNAT --to-destination', port === undefined ? host : `${host}:${port}`];
    }
    case 'REDIRECT':
      return ['-j REDIRECT', target.port === undefined ? undefined : `--to-ports ${target.port}`];
    case 'jump':
      return ['-j', target.chain];
    case 'goto':
      return ['-g', target.chain];
  }
}

/** `-s 0.0.0.0/0` and `-i +` say nothing, and iptables-save does not say them. */
function formatNetwork({ address, prefix }: Network): string | undefined {
  return prefix === 0 ? undefined : `${address}/${prefix}`;
}

function anyInterface(name: Negatable<string> | undefined): Negatable<string> | undefined {
  return name?.value === '+' && !name.isNegated ? undefined : name;
}

function anyPort(ports: Negatable<PortRange> | undefined): Negatable<PortRange> | undefined {
  const isAny = ports?.value.first === 0 && ports.value.last === 65_535 && !ports.isNegated;
  return isAny ? undefined : ports;
}

function formatRange({ first, last }: PortRange): string {
  return first === last ? String(first) : `${first}:${last}`;
}

function formatIds({ first, last }: PortRange): string {
  return first === last ? String(first) : `${first}-${last}`;
}

function formatMark({ value, mask }: { readonly value: number; readonly mask: number }): string {
  return mask === FULL_MASK ? hex(value) : `${hex(value)}/${hex(mask)}`;
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

function option<T>(
  condition: Negatable<T> | undefined,
  name: string,
  format: (value: T) => string | undefined,
): string | undefined {
  const text = condition === undefined ? undefined : format(condition.value);
  return condition === undefined || text === undefined
    ? undefined
    : `${condition.isNegated ? '! ' : ''}${name} ${text}`;
}

function join(parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined).join(' ');
}

/** As libxtables does: a text of other characters than these stands in quotes. */
function quote(text: string): string {
  return /^[A-Za-z0-9_-]+$/.test(text) ? text : `"${text.replace(/["'\\]/g, '\\$&')}"`;
}
