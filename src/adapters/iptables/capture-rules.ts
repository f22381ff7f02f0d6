import { familyOf, formatSocketAddress } from '../../domain/address.ts';
import { OWN_TRAFFIC_MARK } from '../../ports/redirector.ts';
import { CHAIN, NO_RULES, NO_TABLE_RULES } from './rule-set.ts';
import type { AddressFamily, IpAddress, Port } from '../../domain/address.ts';
import type { BoundPort, Capture, DnatCapture, RedirectCapture } from '../../ports/redirector.ts';
import type { RuleSet, TableRules } from './rule-set.ts';

/** Ends each of our jumps, for whoever reads the rules of the host. */
const COMMENT = '-m comment --comment embassy';

/** Says the same of the one rule that opens a firewall. */
const ACCEPT_COMMENT = '-m comment --comment "captured by embassy"';

const INVALID = '-m conntrack --ctstate INVALID';

/** Ports that one multiport match takes. See Linux, XT_MULTI_PORTS. */
const MULTIPORT_MAX = 15;

/**
 * Where answers to connections of this host arrive. See Linux, ip_local_port_range, whose default it is.
 */
const EPHEMERAL_PORTS = '32768:60999';

/** The prefix of a single address. */
const HOST_BITS: Readonly<Record<AddressFamily, number>> = { 4: 32, 6: 128 };

/** A jump from a chain of the host, there if and only if the chain it leads to is. */
interface WantedJump {
  readonly chain: string;
  readonly conditions: string;
  readonly to: string;
}

/** What the rules depend on beside the capture. */
export interface CaptureSurroundings {
  /** Whether the host's firewall may turn away what arrives for one of its own ports. */
  readonly inputClosed: boolean;
}

/**
 * Tells which rules capture what is asked for [C4]; docs/ARCHITECTURE.md draws them.
 *
 * @param capture - Its interfaces satisfy `isInterfaceName`.
 * @returns An empty set where there is nothing to capture of this family: then we leave nothing in the host's
 *   tables.
 * @throws {Error} A virtual IP without a listener of its family, which is the caller's mistake.
 *
 * Pure; neither the order nor the number of equal interfaces and ports matters.
 */
export function captureRules(
  capture: Capture,
  family: AddressFamily,
  surroundings: CaptureSurroundings,
): RuleSet {
  switch (capture.kind) {
    case 'dnat':
      return dnatRules(capture, family, surroundings);
    case 'redirect':
      return redirectRules(capture, family, surroundings);
  }
}

function dnatRules(
  capture: DnatCapture,
  family: AddressFamily,
  { inputClosed }: CaptureSurroundings,
): RuleSet {
  const virtualIp = ofFamily(capture.virtualIps, family);
  if (virtualIp === undefined) return NO_RULES;
  const listener = capture.listeners.find(({ address }) => familyOf(address) === family);
  if (listener === undefined) throw new Error(`no listener is given for the virtual IP ${virtualIp}`);
  const target = `-j DNAT --to-destination ${formatSocketAddress(listener)}`;
  const bound = capture.bound && boundRules(capture.bound, family, target);
  const interfaces = bound?.length === 0 ? [] : [...new Set(capture.interfaces)].sort();
  const leaving = multiports(capture.localPorts).map((ports) => `-p tcp ${ports} ${target}`);
  const isArriving = interfaces.length > 0;
  if (!isArriving && leaving.length === 0) return NO_RULES;

  const way = bound === undefined ? `-p tcp ${target}` : `-j ${CHAIN.bound}`;
  const to = `-d ${virtualIp}/${HOST_BITS[family]} -p tcp`;
  const nat = chainsOf({
    [CHAIN.arriving]: interfaces.map((name) => `-i ${name} ${way}`),
    [CHAIN.bound]: isArriving ? (bound ?? []) : [],
    [CHAIN.leaving]: leaving,
  });
  const isElsewhere = listener.address !== virtualIp;
  const toListener = `-d ${listener.address}/${HOST_BITS[family]} -p tcp`;
  const captured = `-m conntrack --ctstate DNAT --ctorigdst ${virtualIp} -m tcp --dport ${listener.port}`;
  const dropped = capture.bound && [...portsOf(capture.bound, family), listener.port];
  const filter = chainsOf({
    [CHAIN.invalid]: interfaces.flatMap((name) => dropRules(`-i ${name}`, dropped)),
    [CHAIN.input]: inputClosed ? [`-p tcp ${captured} ${ACCEPT_COMMENT} -j ACCEPT`] : [],
  });
  return {
    nat: withJumps(nat, [
      jump('PREROUTING', to, CHAIN.arriving),
      jump('OUTPUT', `${to} ${notOurs()}`, CHAIN.leaving),
    ]),
    filter: withJumps(filter, [
      ...(isElsewhere ? [jump('FORWARD', `${to} ${INVALID}`, CHAIN.invalid)] : []),
      jump('INPUT', `${to} ${INVALID}`, CHAIN.invalid),
      ...(isElsewhere
        ? [jump('INPUT', `${toListener} ${INVALID} -m tcp --dport ${listener.port}`, CHAIN.invalid)]
        : []),
      jump('INPUT', `-p tcp -m tcp --dport ${listener.port}`, CHAIN.input),
    ]),
  };
}

function redirectRules(
  capture: RedirectCapture,
  family: AddressFamily,
  { inputClosed }: CaptureSurroundings,
): RuleSet {
  if (!capture.families.includes(family)) return NO_RULES;
  const { port } = capture;
  const target = `-j REDIRECT --to-ports ${port}`;
  const bound = capture.bound && boundRules(capture.bound, family, target);
  if (bound?.length === 0) return NO_RULES;

  const virtualIp = ofFamily(capture.virtualIps, family);
  const way = bound === undefined ? `-p tcp ${target}` : `-j ${CHAIN.bound}`;
  const nat = chainsOf({
    [CHAIN.arriving]: [`-p tcp -m tcp --dport ${port} -j RETURN`, way],
    [CHAIN.bound]: bound ?? [],
    [CHAIN.leaving]: virtualIp === undefined ? [] : [way],
  });
  const dropped = capture.bound && [...portsOf(capture.bound, family), port];
  const filter = chainsOf({
    [CHAIN.invalid]:
      dropped === undefined
        ? [`! -i lo -p tcp -m tcp ! --dport ${EPHEMERAL_PORTS} -j DROP`]
        : dropRules('! -i lo', dropped),
    [CHAIN.input]: inputClosed
      ? [`-p tcp -m conntrack --ctstate DNAT -m tcp --dport ${port} ${ACCEPT_COMMENT} -j ACCEPT`]
      : [],
  });
  return {
    nat: withJumps(nat, [
      jump('PREROUTING', '-p tcp -m addrtype --dst-type LOCAL', CHAIN.arriving),
      jump('OUTPUT', `-d ${virtualIp ?? ''}/${HOST_BITS[family]} -p tcp ${notOurs()}`, CHAIN.leaving),
    ]),
    filter: withJumps(filter, [
      jump('INPUT', `-p tcp ${INVALID}`, CHAIN.invalid),
      jump('INPUT', `-p tcp -m tcp --dport ${port}`, CHAIN.input),
    ]),
  };
}

/** Picks what somebody bound; one rule for each source and every fifteen of its ports. */
function boundRules(bound: readonly BoundPort[], family: AddressFamily, target: string): readonly string[] {
  const bySource = new Map<string, Port[]>();
  for (const { source, port } of bound) {
    if (source !== '*' && familyOf(source) !== family) continue;
    const from = source === '*' ? '' : `-s ${source}/${HOST_BITS[family]} `;
    const ports = bySource.get(from);
    if (ports === undefined) bySource.set(from, [port]);
    else ports.push(port);
  }
  return [...bySource].flatMap(([from, ports]) =>
    multiports(ports).map((match) => `${from}-p tcp ${match} ${target}`),
  );
}

function portsOf(bound: readonly BoundPort[], family: AddressFamily): readonly Port[] {
  return bound.filter(({ source }) => source === '*' || familyOf(source) === family).map(({ port }) => port);
}

/** Drops what arrives in a way, for some ports or for all. */
function dropRules(from: string, ports: readonly Port[] | undefined): readonly string[] {
  if (ports === undefined) return [`${from} -j DROP`];
  return multiports(ports).map((match) => `${from} -p tcp ${match} -j DROP`);
}

function multiports(ports: readonly Port[]): readonly string[] {
  const distinct = [...new Set(ports)].sort((a, b) => a - b);
  const count = Math.ceil(distinct.length / MULTIPORT_MAX);
  return Array.from({ length: count }, (_, index) => {
    const some = distinct.slice(index * MULTIPORT_MAX, (index + 1) * MULTIPORT_MAX);
    return `-m multiport --dports ${some.join(',')}`;
  });
}

function ofFamily(addresses: readonly IpAddress[], family: AddressFamily): IpAddress | undefined {
  return addresses.find((address) => familyOf(address) === family);
}

function notOurs(): string {
  return `-m mark ! --mark 0x${OWN_TRAFFIC_MARK.toString(16)}`;
}

function jump(chain: string, conditions: string, to: string): WantedJump {
  return { chain, conditions, to };
}

/** The chains that have a rule. */
function chainsOf(chains: Readonly<Record<string, readonly string[]>>): TableRules['chains'] {
  return new Map(Object.entries(chains).filter(([, rules]) => rules.length > 0));
}

/** The chains with the jumps that lead to one of them. */
function withJumps(chains: TableRules['chains'], wanted: readonly WantedJump[]): TableRules {
  if (chains.size === 0) return NO_TABLE_RULES;
  const jumps = wanted
    .filter(({ to }) => chains.has(to))
    .map(({ chain, conditions, to }) => ({ chain, spec: `${conditions} ${COMMENT} -j ${to}` }));
  return { chains, jumps };
}
