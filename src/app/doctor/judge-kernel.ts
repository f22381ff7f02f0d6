import { ok, warning, wrong } from './finding.ts';
import { settingAsCount, wantsKernel } from './host-facts.ts';
import type { Finding } from './finding.ts';
import type { HostFacts, HostWishes } from './host-facts.ts';

/** From this fill of the table of connections on somebody should act, and from that on it is too late. */
const FILL_WARN_PERCENT = 80;
const FILL_WRONG_PERCENT = 95;

/** Our sockets send something every 20 s at the latest; the table must remember them for longer. */
const USERSPACE_TIMEOUT_MIN_S = 60;

/** When a program's own keep-alive begins unless told otherwise. See tcp(7), tcp_keepalive_time. */
const KEEPALIVE_DEFAULT_S = 7_200;

const CONNTRACK_LIST = 'conntrack -S';

/**
 * Judges the kernel's settings: forwarding, bridges, connection tracking.
 *
 * Pure.
 */
export function judgeKernel(facts: HostFacts, wishes: HostWishes): readonly Finding[] {
  return [
    ...judgeForwarding(facts, wishes),
    ...judgeBridges(facts, wishes),
    judgeFill(facts),
    judgeTimeLimit(facts, wishes),
  ];
}

function judgeForwarding(facts: HostFacts, wishes: HostWishes): readonly Finding[] {
  if (wishes.provider !== 'docker' || wishes.capture === 'redirect') return [];
  const check = 'forwarding';
  const advice = 'sysctl -w net.ipv4.ip_forward=1 (and in /etc/sysctl.d, so that it stays)';
  const text = facts.settings['net/ipv4/ip_forward']?.trim();
  if (text === undefined) return [warning(check, 'net.ipv4.ip_forward cannot be read', advice)];
  if (text !== '0') return [ok(check, `net.ipv4.ip_forward is ${text}`)];
  const seen = 'net.ipv4.ip_forward is 0';
  return wantsKernel(wishes)
    ? [wrong(check, `${seen}: what the kernel carries never leaves this host`, advice)]
    : [warning(check, `${seen}: containers reach embassy, but nothing outside this host`, advice)];
}

function judgeBridges(facts: HostFacts, wishes: HostWishes): readonly Finding[] {
  if (wishes.provider !== 'docker' || wishes.capture === 'redirect') return [];
  const check = 'bridges';
  const text = facts.settings['net/bridge/bridge-nf-call-iptables']?.trim();
  if (text === '1') return [ok(check, 'net.bridge.bridge-nf-call-iptables is 1')];
  const seen =
    text === undefined
      ? 'br_netfilter is not loaded'
      : `net.bridge.bridge-nf-call-iptables is ${text.slice(0, 10)}`;
  const advice = 'modprobe br_netfilter && sysctl -w net.bridge.bridge-nf-call-iptables=1';
  const effect = "Docker's own rules do not see what containers of one bridge send each other";
  return [warning(check, `${seen}: ${effect}; what embassy captures does not depend on it`, advice)];
}

/** [P30]: a full table drops new connections without a word. */
function judgeFill(facts: HostFacts): Finding {
  const check = 'tracked connections';
  const count = settingAsCount(facts, 'net/netfilter/nf_conntrack_count');
  const max = settingAsCount(facts, 'net/netfilter/nf_conntrack_max');
  if (count === undefined || max === undefined || max === 0) {
    return ok(check, 'the kernel tracks no connection here yet');
  }
  const percent = Math.floor((100 * count) / max);
  const seen = `${count} of at most ${max} (${percent} %)`;
  if (percent < FILL_WARN_PERCENT) return ok(check, seen);
  const advice = `start with --conntrack-max=${2 * max}; ${CONNTRACK_LIST} tells what was dropped`;
  return percent < FILL_WRONG_PERCENT
    ? warning(check, `${seen}: when it is full, new connections vanish`, advice)
    : wrong(check, `${seen}: new connections vanish, or are about to`, advice);
}

/** A connection that the table forgets loses its way; its next packet is answered with a reset. */
function judgeTimeLimit(facts: HostFacts, wishes: HostWishes): Finding {
  const check = 'idle connections';
  const limit = settingAsCount(facts, 'net/netfilter/nf_conntrack_tcp_timeout_established');
  if (limit === undefined) return ok(check, 'the kernel tracks no connection here yet');
  const keepAlive = settingAsCount(facts, 'net/ipv4/tcp_keepalive_time') ?? KEEPALIVE_DEFAULT_S;
  const needed = wantsKernel(wishes) ? keepAlive : USERSPACE_TIMEOUT_MIN_S;
  const seen = `the kernel forgets an established connection after ${limit} s of silence`;
  if (limit >= needed) return ok(check, seen);
  const why = wantsKernel(wishes) ? `programs keep theirs alive every ${needed} s at the earliest` : '';
  return warning(
    check,
    why === '' ? `${seen}, which is too soon` : `${seen}, but ${why}`,
    `start with --conntrack-timeout=${Math.max(needed, KEEPALIVE_DEFAULT_S)}`,
  );
}
