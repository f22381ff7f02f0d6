import { iptablesError } from '../../src/adapters/iptables/iptables-error.ts';
import { familyOf, parseIpAddress, parseSocketAddress } from '../../src/domain/address.ts';
import type { AddressFamily } from '../../src/domain/address.ts';

/** The longest interface name in bytes. See Linux, IFNAMSIZ, less its terminating zero. */
const INTERFACE_LENGTH_MAX = 15;

/** The targets this kernel knows beside chains; those of nat with their own options. */
const BUILT_IN_TARGETS = ['ACCEPT', 'RETURN', 'DNAT', 'MASQUERADE'];

/** A rule as the simulated kernel understands it. */
export interface RuleSpec {
  readonly destination?: string;
  readonly inInterface?: string;
  readonly protocol?: 'tcp' | 'udp';
  readonly destinationPort?: number;
  readonly comment?: string;
  /** A built-in target or a chain. */
  readonly target: string;
  /** Where DNAT leads. */
  readonly to?: string;
}

/** What a packet shows to the nat table at PREROUTING. */
export interface Packet {
  readonly inInterface: string;
  readonly protocol: 'tcp' | 'udp';
  readonly destination: string;
  readonly destinationPort: number;
}

/**
 * Reads one rule as iptables does.
 *
 * @param line - The line's number in the text, for the error.
 * @throws {RedirectorError} `refused`, in iptables' words.
 *
 * Pure. Knows the options that embassy and the rules of Docker beside it need, and no negation.
 */
export function parseRuleSpec(text: string, family: AddressFamily, line: number): RuleSpec {
  const words = (text.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? []).map(unquote);
  const spec: { -readonly [K in keyof RuleSpec]: RuleSpec[K] } = { target: '' };
  for (let i = 0; i < words.length; i += 2) {
    const option = words[i] ?? '';
    const value = words[i + 1];
    if (value === undefined) throw refusal(`option "${option}" requires an argument`, line);
    if (option === '-d') spec.destination = parseDestination(value, family, line);
    else if (option === '-i') spec.inInterface = parseInterface(value, line);
    else if (option === '-p' && (value === 'tcp' || value === 'udp')) spec.protocol = value;
    else if (option === '-m' && ['comment', 'tcp', 'udp'].includes(value)) continue;
    else if (option === '--comment') spec.comment = value;
    else if (option === '--dport' && spec.protocol !== undefined) spec.destinationPort = Number(value);
    else if (option === '-j') spec.target = value;
    else if (option === '--to-destination' && spec.target === 'DNAT') spec.to = parseTo(value, family, line);
    else throw refusal(`Bad argument \`${option}'`, line);
  }
  if (spec.target === 'DNAT' && spec.to === undefined) {
    throw refusal('Option "--to-destination" is required', line);
  }
  return spec;
}

/** Writes a rule in the normal form of iptables-save. Pure. */
export function formatRuleSpec(spec: RuleSpec): string {
  const parts: string[] = [];
  if (spec.destination !== undefined) parts.push(`-d ${spec.destination}`);
  if (spec.inInterface !== undefined) parts.push(`-i ${spec.inInterface}`);
  if (spec.protocol !== undefined) parts.push(`-p ${spec.protocol}`);
  if (spec.destinationPort !== undefined) {
    parts.push(`-m ${spec.protocol ?? 'tcp'} --dport ${spec.destinationPort}`);
  }
  if (spec.comment !== undefined) parts.push(`-m comment --comment ${quote(spec.comment)}`);
  if (spec.target !== '') parts.push(`-j ${spec.target}`);
  if (spec.to !== undefined) parts.push(`--to-destination ${spec.to}`);
  return parts.join(' ');
}

/** Whether a target is not a chain. Pure. */
export function isBuiltInTarget(target: string): boolean {
  return target === '' || BUILT_IN_TARGETS.includes(target);
}

/** Whether a packet meets every condition of a rule. Pure. */
export function matches(spec: RuleSpec, packet: Packet): boolean {
  return (
    (spec.destination === undefined || spec.destination.replace(/\/\d+$/, '') === packet.destination) &&
    (spec.inInterface === undefined || spec.inInterface === packet.inInterface) &&
    (spec.protocol === undefined || spec.protocol === packet.protocol) &&
    (spec.destinationPort === undefined || spec.destinationPort === packet.destinationPort)
  );
}

/** The error of iptables-restore for a text it cannot take. Pure. */
export function refusal(words: string, line: number): Error {
  const stderr = `iptables-restore: line ${line} failed: ${words}.`;
  return iptablesError({ kind: 'exit', command: 'iptables-restore', status: 2, stderr });
}

function parseDestination(value: string, family: AddressFamily, line: number): string {
  const bits = family === 4 ? '32' : '128';
  const [text = '', length = bits] = value.split('/');
  const address = parseIpAddress(text);
  if (address === undefined || familyOf(address) !== family || length !== bits) {
    throw refusal(`host/network \`${value}' not found`, line);
  }
  return `${address}/${bits}`;
}

function parseInterface(value: string, line: number): string {
  if (value.length > INTERFACE_LENGTH_MAX) {
    throw refusal(`interface name \`${value}' must be shorter than IFNAMSIZ (${INTERFACE_LENGTH_MAX})`, line);
  }
  return value;
}

function parseTo(value: string, family: AddressFamily, line: number): string {
  const to = parseSocketAddress(value);
  if (to === undefined || familyOf(to.address) !== family) throw refusal(`Bad IP address "${value}"`, line);
  return value;
}

function unquote(word: string): string {
  return word.startsWith('"') ? word.slice(1, -1).replace(/\\(.)/g, '$1') : word;
}

function quote(text: string): string {
  return /^[A-Za-z0-9_.:-]+$/.test(text) ? text : `"${text.replace(/["\\]/g, '\\$&')}"`;
}
