import { ok, warning, wrong } from './finding.ts';
import { CAPTURE_TABLE, isServing, wantsKernel } from './host-facts.ts';
import type { JumpFacts, RuleFacts } from '../../ports/host-sources.ts';
import type { Finding } from './finding.ts';
import type { HostFacts, HostWishes } from './host-facts.ts';

/** Our table of nftables. */
const KERNEL_TABLE = 'inet embassy';

/** The table of a firewalld that uses nftables. */
const FIREWALLD_TABLE = 'inet firewalld';

const CLEANUP = 'embassy cleanup';

/**
 * Judges the host's rules: variants of iptables, firewalls, and what is ours.
 *
 * Pure.
 */
export function judgeRules(facts: HostFacts, wishes: HostWishes): readonly Finding[] {
  const { rules } = facts;
  const writes = wishes.capture === 'dnat' || wishes.capture === 'redirect';
  if (!rules.ok) {
    if (!writes) return [ok('rules', 'iptables cannot be read, and nothing depends on it')];
    return [wrong('rules', rules.reason, 'install iptables and run as root, or use --listen')];
  }
  if (rules.value === undefined) {
    return [...judgeCaptureTable(facts, wishes), ...judgeKernelTable(facts, wishes)];
  }
  return [
    judgeVariants(rules.value),
    ...judgeIncompatible(rules.value, writes),
    ...judgeFirewall(rules.value, facts, wishes),
    ...judgeOwnRules(rules.value, facts, wishes),
    ...judgePassages(rules.value, facts, wishes),
    ...judgeForward(rules.value, wishes),
    ...judgeKernelTable(facts, wishes),
  ];
}

/** Where there is no iptables, nft does all. */
function judgeCaptureTable(facts: HostFacts, wishes: HostWishes): readonly Finding[] {
  const check = 'rules of embassy';
  const { nftTables } = facts;
  const writes = wishes.capture === 'dnat' || wishes.capture === 'redirect';
  if (!nftTables.ok) {
    if (!writes) return [ok(check, 'iptables and nft are not to be had, and nothing depends on them')];
    const seen = `iptables is not installed, and nft is of no use: ${nftTables.reason}`;
    return [wrong(check, seen, 'apt-get install iptables (or nftables), or use --listen')];
  }
  const isThere = nftTables.value.includes(CAPTURE_TABLE);
  if (isServing(facts, wishes)) {
    if (isThere) return [ok(check, `the table ${CAPTURE_TABLE}; there is no iptables, so nft writes them`)];
    if (!writes) return [ok(check, 'none, and none are wanted')];
    const seen = 'embassy runs and has no rule: either nothing is bound yet, or somebody wiped them';
    const advice = 'look again after 5 s, when they are put back; else see what its log says of rules';
    return [wrong(check, seen, advice)];
  }
  if (!isThere) return [ok(check, 'none, and no embassy runs')];
  const seen = `the table ${CAPTURE_TABLE} is left, but no embassy runs: what containers dial goes nowhere`;
  return [wrong(check, seen, `start embassy, or remove it: ${CLEANUP}`)];
}

/** [P29]: what one variant drops the other cannot accept. */
function judgeVariants({ variants, mixed }: RuleFacts): Finding {
  const check = 'variants of iptables';
  if (mixed === undefined) return ok(check, variants.join(', '));
  return warning(
    check,
    mixed,
    'iptables-legacy-save; iptables-nft-save; update-alternatives --config iptables',
  );
}

function judgeIncompatible({ incompatible }: RuleFacts, writes: boolean): readonly Finding[] {
  if (incompatible.length === 0 || !writes) return [];
  const tables = incompatible.join(', ');
  const seen = `table ${tables} holds rules that were written with nft and that iptables cannot show`;
  const advice = `nft list ruleset, then move them into a table of their own`;
  const check = 'rules of others';
  return [incompatible.includes('nat') ? wrong(check, seen, advice) : warning(check, seen, advice)];
}

/** [P32]: a firewall that turns away what arrives for the listener. */
function judgeFirewall(rules: RuleFacts, facts: HostFacts, wishes: HostWishes): readonly Finding[] {
  const check = 'firewall';
  if (wishes.capture !== 'dnat') return [];
  if (facts.nftTables.ok && facts.nftTables.value.includes(FIREWALLD_TABLE)) {
    const seen =
      'firewalld filters in a table of its own (nftables), where no rule of ours can accept: ' +
      'it lets in what was translated, as what containers send to embassy is, and with ' +
      'StrictForwardPorts=yes only what comes from a zone that accepts';
    const advice =
      'firewall-cmd --get-active-zones; for each bridge that is missing: ' +
      'firewall-cmd --permanent --zone=docker --change-interface=BRIDGE && firewall-cmd --reload';
    return [warning(check, seen, advice)];
  }
  if (!rules.isInputClosed) return [ok(check, 'INPUT is open')];
  const who =
    rules.firewalls.length === 0 ? 'INPUT is closed' : `INPUT is closed (${rules.firewalls.join(', ')})`;
  if (!isServing(facts, wishes)) return [ok(check, `${who}; embassy opens it for what it captures`)];
  if (rules.isInputOpened) return [ok(check, `${who}, and open for what embassy captures`)];
  return [
    wrong(
      check,
      `${who}, and no rule of embassy opens it: connections of containers hang`,
      'restart embassy as root with --dnat; its log says what kept it from writing the rule',
    ),
  ];
}

/** [P27], [P28]: wiped, left behind, doubled, or in the wrong place. */
function judgeOwnRules(rules: RuleFacts, facts: HostFacts, wishes: HostWishes): readonly Finding[] {
  const check = 'rules of embassy';
  const { jumps } = rules;
  const writes = wishes.capture === 'dnat' || wishes.capture === 'redirect';
  if (!isServing(facts, wishes)) {
    if (jumps.length === 0) return [ok(check, 'none, and no embassy runs')];
    const seen = `${places(jumps)} are left, but no embassy runs: what containers dial goes nowhere`;
    return [wrong(check, seen, `start embassy, or remove them: ${CLEANUP}`)];
  }
  if (jumps.length === 0) {
    if (!writes) return [ok(check, 'none, and none are wanted')];
    const seen = 'embassy runs and has no rule: either nothing is bound yet, or somebody wiped them';
    const advice = 'look again after 5 s, when they are put back; else see what its log says of rules';
    return [wrong(check, seen, advice)];
  }
  const findings = jumps.flatMap((jump) => judgeJump(check, jump));
  return findings.length > 0 ? findings : [ok(check, `${places(jumps)}, each once and in its place`)];
}

/** [P32]: what the kernel leads to other hosts meets FORWARD, what userspace dials does not. */
function judgeForward({ firewalls, isForwardClosed }: RuleFacts, wishes: HostWishes): readonly Finding[] {
  if (!isForwardClosed || !wantsKernel(wishes)) return [];
  const who = firewalls.length === 0 ? '' : ` (${firewalls.join(', ')})`;
  const seen =
    `FORWARD drops what no rule accepts${who}, and Docker writes none here: ` +
    'what the kernel carries may not arrive';
  const advice = 'ufw route allow in on BRIDGE (for each bridge), or --proxier=userspace';
  return [warning('chain FORWARD', seen, advice)];
}

/** Without our table nothing has the mark they ask for: left behind, they let nothing through. */
function judgePassages({ passages }: RuleFacts, facts: HostFacts, wishes: HostWishes): readonly Finding[] {
  const check = 'from bridge to bridge';
  if (passages.length === 0) return [];
  const where = passages.join('; ');
  if (isServing(facts, wishes) || wishes.keepRules)
    return [ok(check, `a rule lets through what the kernel leads there: ${where}`)];
  return [warning(check, `a rule of embassy is left: ${where}, but no embassy runs`, CLEANUP)];
}

function judgeJump(check: string, jump: JumpFacts): readonly Finding[] {
  const { where, to, count, behind, rules, mustBeFirst } = jump;
  const findings: Finding[] = [];
  const advice = `${CLEANUP} (a running embassy writes them anew within 5 s)`;
  if (count > 1) findings.push(wrong(check, `${where}: the jump to ${to} is there ${count} times`, advice));
  if (rules === 0) findings.push(wrong(check, `${where}: the chain ${to} is empty`, advice));
  if (mustBeFirst && behind > 0) {
    const others = behind === 1 ? '1 rule of others' : `${behind} rules of others`;
    const seen = `${where}: the jump to ${to} stands behind ${others}, which take what they match`;
    findings.push(warning(check, seen, advice));
  }
  return findings;
}

function judgeKernelTable(facts: HostFacts, wishes: HostWishes): readonly Finding[] {
  const check = 'data plane';
  const { nftTables } = facts;
  if (!nftTables.ok) {
    if (!wantsKernel(wishes)) return [];
    return wishes.proxier === 'auto'
      ? [
          warning(
            check,
            `${nftTables.reason}; everything is carried in userspace`,
            'apt-get install nftables',
          ),
        ]
      : [wrong(check, nftTables.reason, 'apt-get install nftables, or --proxier=userspace')];
  }
  const isThere = nftTables.value.includes(KERNEL_TABLE);
  const serving = isServing(facts, wishes);
  if (isThere && !serving && !wishes.keepRules) {
    const seen = `the table ${KERNEL_TABLE} is left, but no embassy runs: its endpoints get stale`;
    return [wrong(check, seen, `start embassy, or remove it: ${CLEANUP}`)];
  }
  if (isThere) return [ok(check, `the kernel carries what the table ${KERNEL_TABLE} holds`)];
  if (!wantsKernel(wishes) || !serving) return [ok(check, 'userspace carries everything now')];
  const seen = `the table ${KERNEL_TABLE} is not there: either nothing is bound yet, or somebody wiped it`;
  return [
    warning(check, seen, 'look again after 5 s, when it is put back; until then userspace carries all'),
  ];
}

/** `iptables, table nat, PREROUTING; …`, each place once. */
function places(jumps: readonly JumpFacts[]): string {
  return [...new Set(jumps.map(({ where }) => where))].join('; ');
}
