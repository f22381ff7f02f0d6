import { withTimeLimit } from '../../ports/time-limit.ts';
import { judgeKernel } from './judge-kernel.ts';
import { judgeRules } from './judge-rules.ts';
import { judgeSources } from './judge-sources.ts';
import type { Clock } from '../../ports/clock.ts';
import type { ClockFacts, HostSources, KernelSetting } from '../../ports/host-sources.ts';
import type { Finding } from './finding.ts';
import type { HostFacts, HostWishes, Told } from './host-facts.ts';

/** How long each thing may take that is looked at; they are looked at together. */
const LOOK_LIMIT_MS = 10_000;

interface Wait {
  readonly signal: AbortSignal;
}

/**
 * Examines a host: what embassy needs of it, and how that fares. Changes nothing anywhere.
 *
 * @param wishes - What the operator chose, or would choose, for `embassy run`.
 * @param signal - Gives up: rejects with its reason.
 * @returns One finding for each thing that was looked at, more where more is wrong, in a fixed order.
 *
 * What cannot be looked at is a finding, never an error. Takes as long as the slowest, {@link LOOK_LIMIT_MS}
 * at most.
 */
export async function examineHost(
  dependencies: { readonly clock: Clock; readonly sources: HostSources },
  wishes: HostWishes,
  wait: Wait,
): Promise<readonly Finding[]> {
  const facts = await gather(dependencies, wishes, wait);
  return [...judgeSources(facts, wishes), ...judgeKernel(facts, wishes), ...judgeRules(facts, wishes)];
}

async function gather(
  { clock, sources }: { readonly clock: Clock; readonly sources: HostSources },
  wishes: HostWishes,
  wait: Wait,
): Promise<HostFacts> {
  const tell = async <T>(what: string, look: (wait: Wait) => Promise<T>): Promise<Told<T>> =>
    told(clock, what, look, wait);
  const setting = async (name: KernelSetting): Promise<string | undefined> => {
    const read = await tell(name, async () => sources.setting(name));
    return read.ok ? read.value : undefined;
  };
  const isDocker = wishes.provider === 'docker';
  const [settings, daemon, engine, virtualIps, rules, nftTables, outages, clocks] = await Promise.all([
    readSettings(setting),
    tell('the daemon', async (each) => sources.daemonVersion(each)),
    isDocker ? tell('the engine', async (each) => sources.engineProblems(each)) : undefined,
    wishes.capture === 'dnat' ? tell('the virtual IP', async (each) => sources.virtualIps(each)) : undefined,
    tell('iptables', async (each) => sources.rules(each)),
    tell('nft', async (each) => sources.nftTables(each)),
    Promise.all(
      sources.discoveries.map(async (discovery) => {
        const probed = await tell(discovery.name, async (each) => discovery.probe(each));
        const { name } = discovery;
        if (probed.ok) return { name, outage: probed.value };
        return { name, outage: { kind: 'unreachable' as const, reason: probed.reason } };
      }),
    ),
    Promise.all(sources.discoveries.map(async (discovery) => clockOf(discovery, sources, tell))),
  ]);
  return {
    settings,
    openFileLimit: sources.openFileLimit(),
    listeningPorts: sources.listeningPorts(),
    wallMs: sources.wallMs(),
    daemonVersion: daemon.ok ? daemon.value : undefined,
    engine,
    virtualIps,
    rules,
    nftTables,
    discoveries: outages,
    clocks: clocks.flat(),
  };
}

async function readSettings(
  read: (name: KernelSetting) => Promise<string | undefined>,
): Promise<HostFacts['settings']> {
  return {
    'net/bridge/bridge-nf-call-iptables': await read('net/bridge/bridge-nf-call-iptables'),
    'net/ipv4/ip_forward': await read('net/ipv4/ip_forward'),
    'net/ipv4/tcp_keepalive_time': await read('net/ipv4/tcp_keepalive_time'),
    'net/netfilter/nf_conntrack_count': await read('net/netfilter/nf_conntrack_count'),
    'net/netfilter/nf_conntrack_max': await read('net/netfilter/nf_conntrack_max'),
    'net/netfilter/nf_conntrack_tcp_timeout_established': await read(
      'net/netfilter/nf_conntrack_tcp_timeout_established',
    ),
  };
}

type Discovery = HostSources['discoveries'][number];

async function clockOf(
  discovery: Discovery,
  sources: HostSources,
  tell: <T>(what: string, look: (wait: Wait) => Promise<T>) => Promise<Told<T>>,
): Promise<readonly ClockFacts[]> {
  const { name } = discovery;
  const time = await tell(name, async (each) => discovery.serverTimeMs(each));
  if (!time.ok || time.value === undefined) return [];
  return [{ source: name, aheadMs: time.value - sources.wallMs() }];
}

/** Looks at one thing; an error is its reason. */
async function told<T>(
  clock: Clock,
  what: string,
  look: (wait: Wait) => Promise<T>,
  { signal }: Wait,
): Promise<Told<T>> {
  const timeout = (): Error => new Error(`${what}: no answer within ${LOOK_LIMIT_MS / 1_000} s`);
  try {
    const limits = { limitMs: LOOK_LIMIT_MS, timeout, signal };
    return {
      ok: true,
      value: await withTimeLimit(clock, limits, async (limited) => look({ signal: limited })),
    };
  } catch (error) {
    signal.throwIfAborted();
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}
