import { familyOf, formatSocketAddress } from '../../domain/address.ts';
import { OWN_TRAFFIC_MARK } from '../../ports/redirector.ts';
import { fingerprint } from './fingerprint.ts';
import type { AddressFamily, IpAddress, Port, SocketAddress } from '../../domain/address.ts';
import type { BoundPort, Capture, DnatCapture, RedirectCapture } from '../../ports/redirector.ts';

/**
 * The table of the redirector. It is not the one of the data plane, since nft reads a table as a whole, and
 * that one may hold thousands of chains while this one is looked at every few seconds.
 */
export const CAPTURE_TABLE = 'inet embassy-capture';

/**
 * How packets come to each chain. Behind the data plane's own translation (-110), which takes what it
 * carries, and before Docker's (-100); before the filters of others (0).
 */
export const CAPTURE_CHAINS = {
  arriving: 'type nat hook prerouting priority -105',
  leaving: 'type nat hook output priority -105',
  invalid: 'type filter hook input priority -5',
  passing: 'type filter hook forward priority -5',
} as const;

export type CaptureChain = keyof typeof CAPTURE_CHAINS;

/** Where answers to connections of this host arrive. See Linux, ip_local_port_range, whose default it is. */
const EPHEMERAL_PORTS = '32768-60999';

/** A rule as nft takes it. */
export interface CaptureRule {
  readonly chain: CaptureChain;
  readonly text: string;
}

/** The words of nft for a family. */
const WORDS: Readonly<Record<AddressFamily, 'ip' | 'ip6'>> = { 4: 'ip', 6: 'ip6' };

/**
 * Tells which rules capture what is asked for [C4]; docs/ARCHITECTURE.md draws them.
 *
 * @param capture - Its interfaces satisfy `isInterfaceName`.
 * @returns None where there is nothing to capture of these families.
 * @throws {Error} A virtual IP without a listener of its family, which is the caller's mistake.
 *
 * Pure; neither the order nor the number of equal interfaces and ports matters.
 */
export function captureRules(capture: Capture, families: readonly AddressFamily[]): readonly CaptureRule[] {
  return families.flatMap((family) => {
    switch (capture.kind) {
      case 'dnat':
        return dnatRules(capture, family);
      case 'redirect':
        return redirectRules(capture, family);
    }
  });
}

/** The script that makes the table hold exactly these rules, and removes it where there are none. Pure. */
export function captureScript(rules: readonly CaptureRule[]): string {
  const lines = [`add table ${CAPTURE_TABLE}`, `delete table ${CAPTURE_TABLE}`];
  if (rules.length > 0) lines.push(`add table ${CAPTURE_TABLE}`);
  for (const chain of new Set(rules.map((rule) => rule.chain))) {
    lines.push(`add chain ${CAPTURE_TABLE} ${chain} { ${CAPTURE_CHAINS[chain]}; }`);
  }
  for (const rule of rules) {
    lines.push(`add rule ${CAPTURE_TABLE} ${rule.chain} ${rule.text} comment "${commentOf(rule)}"`);
  }
  return `${lines.join('\n')}\n`;
}

/**
 * What tells a rule from every other, whatever way a version of nft prints it. Pure.
 */
export function commentOf({ chain, text }: CaptureRule): string {
  return `embassy ${fingerprint(`${chain} ${text}`)}`;
}

function dnatRules(capture: DnatCapture, family: AddressFamily): readonly CaptureRule[] {
  const virtualIp = ofFamily(capture.virtualIps, family);
  if (virtualIp === undefined) return [];
  const listener = capture.listeners.find(({ address }) => familyOf(address) === family);
  if (listener === undefined) throw new Error(`no listener is given for the virtual IP ${virtualIp}`);
  const interfaces = capture.bound?.length === 0 ? [] : distinct(capture.interfaces);
  const to = `${WORDS[family]} daddr ${virtualIp}`;
  const target = `dnat ${WORDS[family]} to ${formatSocketAddress(listener)}`;
  const leaving =
    capture.localPorts.length === 0 ? [] : [`${notOurs()} ${to} ${portsIn(capture.localPorts)}`];
  const arriving = interfaces.length === 0 ? [] : boundMatches(capture.bound, family);
  if (arriving.length + leaving.length === 0) return [];
  const from = `iifname { ${interfaces.map((name) => `"${name}"`).join(', ')} }`;
  return [
    ...arriving.map((match) => rule('arriving', `${from} ${to} ${match} ${target}`)),
    ...leaving.map((match) => rule('leaving', `${match} ${target}`)),
    ...(interfaces.length === 0 ? [] : invalidRules(capture, { family, from, virtualIp, listener })),
  ];
}

/** What fits no connection is not the listener's to answer: its reset would end a good one [P23]. */
function invalidRules(
  { bound }: DnatCapture,
  way: {
    readonly family: AddressFamily;
    readonly from: string;
    readonly virtualIp: IpAddress;
    readonly listener: SocketAddress;
  },
): readonly CaptureRule[] {
  const { family, from, virtualIp, listener } = way;
  const ports = bound && [...portsOf(bound, family), listener.port];
  const match = `${from} ${WORDS[family]} daddr ${virtualIp} ct state invalid`;
  const dropped = `${match} ${ports === undefined ? ANY_TCP : portsIn(ports)} drop`;
  if (listener.address === virtualIp) return [rule('invalid', dropped)];
  const toListener = `${from} ${WORDS[family]} daddr ${listener.address} ct state invalid`;
  return [
    rule('passing', dropped),
    rule('invalid', dropped),
    rule('invalid', `${toListener} ${portsIn([listener.port])} drop`),
  ];
}

function redirectRules(capture: RedirectCapture, family: AddressFamily): readonly CaptureRule[] {
  const { bound, families, port } = capture;
  if (!families.includes(family) || bound?.length === 0) return [];
  const virtualIp = ofFamily(capture.virtualIps, family);
  const ours = `meta nfproto ipv${family}`;
  const target = `redirect to :${port}`;
  const matches = boundMatches(bound, family);
  if (matches.length === 0) return [];
  const dropped =
    bound === undefined ? `tcp dport != ${EPHEMERAL_PORTS}` : portsIn([...portsOf(bound, family), port]);
  return [
    ...matches.map((match) =>
      rule('arriving', `${ours} fib daddr type local tcp dport != ${port} ${match} ${target}`),
    ),
    ...(virtualIp === undefined ? [] : matches).map((match) =>
      rule('leaving', `${notOurs()} ${WORDS[family]} daddr ${virtualIp ?? ''} ${match} ${target}`),
    ),
    rule('invalid', `${ours} iifname != "lo" ct state invalid ${dropped} drop`),
  ];
}

const ANY_TCP = 'meta l4proto tcp';

/** Picks what somebody bound, or all there is; none where nothing is bound for the family. */
function boundMatches(bound: readonly BoundPort[] | undefined, family: AddressFamily): readonly string[] {
  if (bound === undefined) return [ANY_TCP];
  const pairs = bound.flatMap(({ source, port }) =>
    source !== '*' && familyOf(source) === family ? [`${source} . ${port}`] : [],
  );
  const ports = bound.flatMap(({ source, port }) => (source === '*' ? [port] : []));
  return [
    ...(pairs.length === 0 ? [] : [`${WORDS[family]} saddr . tcp dport { ${distinct(pairs).join(', ')} }`]),
    ...(ports.length === 0 ? [] : [portsIn(ports)]),
  ];
}

function portsOf(bound: readonly BoundPort[], family: AddressFamily): readonly Port[] {
  return bound.filter(({ source }) => source === '*' || familyOf(source) === family).map(({ port }) => port);
}

function portsIn(ports: readonly Port[]): string {
  return `tcp dport { ${[...new Set(ports)].sort((a, b) => a - b).join(', ')} }`;
}

function ofFamily(addresses: readonly IpAddress[], family: AddressFamily): IpAddress | undefined {
  return addresses.find((address) => familyOf(address) === family);
}

function notOurs(): string {
  return `meta mark != 0x${OWN_TRAFFIC_MARK.toString(16)}`;
}

function distinct(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)].sort();
}

function rule(chain: CaptureChain, text: string): CaptureRule {
  return { chain, text };
}
