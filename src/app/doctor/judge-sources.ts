import { formatProblem } from '../../domain/result.ts';
import { connectionBudget } from '../connection-budget.ts';
import { ok, warning, wrong } from './finding.ts';
import { isServing, wantsKernel } from './host-facts.ts';
import type { Finding } from './finding.ts';
import type { HostFacts, HostWishes } from './host-facts.ts';

/** Before this no version of embassy was there: 2026-01-01 UTC. */
const EARLIEST_WALL_MS = 1_767_225_600_000;

/** Servers tell whole seconds, and an answer takes a while on its way. */
const SKEW_WARN_MS = 10_000;

/** From here on certificates and tokens are refused that are good. See Kerberos, RFC 4120, for the figure. */
const SKEW_WRONG_MS = 300_000;

const CLOCK_ADVICE = 'timedatectl set-ntp true; timedatectl status';

/**
 * Judges what embassy lives on: the daemon itself, the engine, discoveries, the clock, files.
 *
 * Pure.
 */
export function judgeSources(facts: HostFacts, wishes: HostWishes): readonly Finding[] {
  return [
    judgeDaemon(facts, wishes),
    ...judgeEngine(facts),
    ...judgeVirtualIps(facts),
    ...facts.discoveries.map(({ name, outage }) => {
      const check = `discovery ${name}`;
      switch (outage?.kind) {
        case undefined:
          return ok(check, 'it answers');
        case 'forbidden':
          return wrong(
            check,
            `it refuses to tell: ${outage.reason}`,
            `give it rights or another token in -discovery`,
          );
        case 'unreachable':
          return wrong(check, `it cannot be asked: ${outage.reason}`, 'mend it, or correct -discovery');
      }
    }),
    judgeClock(facts),
    judgeFiles(facts, wishes),
    ...judgeSourceAddress(facts, wishes),
  ];
}

function judgeDaemon(facts: HostFacts, wishes: HostWishes): Finding {
  const check = 'daemon';
  if (facts.daemonVersion !== undefined) return ok(check, `embassy ${facts.daemonVersion} answers`);
  if (isServing(facts, wishes)) {
    return ok(check, `something listens at ${wishes.port} behind embassy's rules; its admin API is off`);
  }
  if (wishes.capture === 'listen' || !facts.listeningPorts.includes(wishes.port)) {
    return ok(check, 'no embassy runs; the host is judged for its start');
  }
  const seen = `no embassy answers, and something else listens at port ${wishes.port}`;
  return wrong(check, seen, `ss -ltnp 'sport = :${wishes.port}', then end it or choose another -port`);
}

function judgeEngine({ engine }: HostFacts): readonly Finding[] {
  const check = 'engine';
  if (engine === undefined) return [];
  if (!engine.ok) return [wrong(check, engine.reason, 'systemctl start docker, or correct -docker')];
  if (engine.value.length === 0) return [ok(check, 'it answers, runs as root and is on this host')];
  const advice = 'run embassy where the containers are; see docs/troubleshooting.md';
  return engine.value.map((problem) => wrong(check, formatProblem(problem), advice));
}

function judgeVirtualIps({ virtualIps }: HostFacts): readonly Finding[] {
  const check = 'virtual IP';
  if (virtualIps === undefined) return [];
  return virtualIps.ok
    ? [ok(check, virtualIps.value.join(', '))]
    : [wrong(check, virtualIps.reason, 'start Docker, or give --virtual-ip')];
}

function judgeClock({ wallMs, clocks }: HostFacts): Finding {
  const check = 'clock';
  if (wallMs < EARLIEST_WALL_MS) {
    return wrong(check, 'this host believes in a time before embassy was written', CLOCK_ADVICE);
  }
  const [first] = clocks.toSorted((a, b) => Math.abs(b.aheadMs) - Math.abs(a.aheadMs));
  if (first === undefined) return ok(check, 'no server tells its time, so that there is nothing to compare');
  const { source, aheadMs } = first;
  const seconds = Math.round(Math.abs(aheadMs) / 1_000);
  if (Math.abs(aheadMs) < SKEW_WARN_MS) return ok(check, `within ${Math.max(1, seconds)} s of ${source}'s`);
  const seen = `${seconds} s ${aheadMs > 0 ? 'behind' : 'ahead of'} ${source}'s`;
  return Math.abs(aheadMs) < SKEW_WRONG_MS
    ? warning(check, seen, CLOCK_ADVICE)
    : wrong(check, `${seen}: certificates and tokens that are good get refused`, CLOCK_ADVICE);
}

function judgeFiles({ openFileLimit }: HostFacts, { maxConnections }: HostWishes): Finding {
  const check = 'open files';
  const { warning: words } = connectionBudget(maxConnections, openFileLimit);
  const limit = openFileLimit === undefined ? 'no limit' : `at most ${openFileLimit}`;
  if (words === undefined) return ok(check, `${limit} for a process started like this one`);
  return warning(check, words, 'LimitNOFILE=65536 in the unit, --ulimit nofile=65536 with docker run');
}

/** [P31]: known and unavoidable without help of the endpoint, so it is said rather than judged. */
function judgeSourceAddress({ rules }: HostFacts, wishes: HostWishes): readonly Finding[] {
  const check = 'source address';
  const hidden = "endpoints see an address of this host in the place of the consumer's";
  if (!wantsKernel(wishes)) return [ok(check, hidden)];
  const seen = `${hidden}, unless a descriptor has ';source=keep'`;
  if (!rules.ok || rules.value?.guardsContainers !== true) return [ok(check, seen)];
  return [
    ok(
      check,
      `${seen}; answers to that arrive only by an interface that Docker trusts`,
      'docker network create -o com.docker.network.bridge.trusted_host_interfaces=INTERFACE NAME',
    ),
  ];
}
