import { AdminClient, AskError } from '../adapters/admin-client/admin-client.ts';
import { HttpAdminTransport } from '../adapters/admin-client/client.ts';
import { readSurroundings } from '../adapters/docker/engine-surroundings.ts';
import { readHttpDate, readKernelSetting } from '../adapters/doctor/client.ts';
import { iptablesClient } from '../adapters/iptables/client.ts';
import { readRuleFacts } from '../adapters/iptables/rule-facts.ts';
import { nftablesClient } from '../adapters/nftables/client.ts';
import { NftablesError } from '../adapters/nftables/nftables-client.ts';
import { openFileLimit } from '../adapters/node/file-limit.ts';
import { listeningPorts } from '../adapters/node/listening-ports.ts';
import { examineHost } from '../app/doctor/examine-host.ts';
import { formatDockerHost } from '../cli/docker-host.ts';
import { formatDoctor, formatDoctorJson } from '../cli/format-doctor.ts';
import { RedirectorError } from '../ports/redirector.ts';
import { chooseVirtualIps } from './create-capture.ts';
import { createDiscoveries } from './create-discoveries.ts';
import { isHere } from './create-provider.ts';
import type { HostAddresses } from '../app/listen-plan.ts';
import type { AvailableDiscovery } from '../cli/resolve-discoveries.ts';
import type { DoctorOptions, Options } from '../cli/resolve-options.ts';
import type { Clock } from '../ports/clock.ts';
import type { Discovery } from '../ports/discovery.ts';
import type { HostSources, RuleFacts } from '../ports/host-sources.ts';
import type { Log } from '../ports/log.ts';
import type { Random } from '../ports/random.ts';
import type { DiscoveryOptions } from './create-discoveries.ts';

/** Something is wrong. */
const EXIT_WRONG = 1;

/** What the examination needs from the process. */
export interface DoctorDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly host: HostAddresses;
  readonly out: (text: string) => void;
}

/**
 * Examines this host and shows what was found.
 *
 * @param signal - Gives up.
 * @returns The exit code: 0 where nothing is wrong; warnings are none.
 */
export async function runDoctor(
  dependencies: DoctorDependencies,
  options: DoctorOptions & DiscoveryOptions,
  signal: AbortSignal,
): Promise<number> {
  const { clock, random, out } = dependencies;
  await using resources = new AsyncDisposableStack();
  const discoveries = await createDiscoveries({ clock, random }, options, resources);
  const sources = hostSources(dependencies, options, discoveries);
  const wishes = { ...options, capture: options.capture.kind };
  const findings = await examineHost({ clock, sources }, wishes, { signal });
  out(options.json ? formatDoctorJson(findings) : formatDoctor(findings));
  return findings.some(({ state }) => state === 'wrong') ? EXIT_WRONG : 0;
}

function hostSources(
  dependencies: DoctorDependencies,
  options: Options,
  discoveries: ReadonlyMap<string, Discovery>,
): HostSources {
  const { clock, host } = dependencies;
  return {
    setting: readKernelSetting,
    openFileLimit,
    listeningPorts: () => listeningPorts(host.all()),
    wallMs: () => clock.wallMs(),
    daemonVersion: async (wait) => daemonVersion(options, wait),
    engineProblems: async ({ signal }) => {
      const { docker } = options;
      const { createDockerClient } = await import('../adapters/docker/client.ts');
      const client = createDockerClient({ engine: formatDockerHost(docker) });
      const isElsewhere = docker.kind === 'tcp' && !isHere(docker.host, host);
      const remote = isElsewhere ? `${docker.host}:${docker.port}` : undefined;
      const problems = await readSurroundings({ client, clock }, { remote, signal });
      // An engine that may not be asked how it runs may be asked what runs, which is what matters.
      await client.listContainers({ signal });
      return problems;
    },
    virtualIps: async ({ signal }) =>
      (await chooseVirtualIps(dependencies, { ...options, failFast: true }, signal)) ?? [],
    rules: async (wait) => inWords(async () => ruleFacts(wait)),
    nftTables: async (wait) => inWords(async () => nftablesClient().tables(wait)),
    discoveries: options.discoveries.map((chosen) => ({
      name: chosen.name,
      probe: async (wait) => discoveries.get(chosen.name)?.probe(wait),
      serverTimeMs: async (wait) => serverTimeMs(chosen, wait),
    })),
  };
}

async function daemonVersion(
  { admin }: Options,
  { signal }: { readonly signal: AbortSignal },
): Promise<string | undefined> {
  const { socket, listen } = admin;
  const places = [
    ...(socket === undefined ? [] : [{ kind: 'socket', path: socket.path } as const]),
    ...(listen === undefined ? [] : [{ kind: 'tcp', host: listen.address, port: listen.port } as const]),
  ];
  for (const place of places) {
    const where = place.kind === 'socket' ? place.path : `${place.host}:${place.port}`;
    try {
      const client = new AdminClient(new HttpAdminTransport(place, { token: undefined }), { where });
      return (await client.ask('version', '/v1/version', { signal })).version;
    } catch (error) {
      if (!(error instanceof AskError)) throw error;
    }
  }
  return undefined;
}

/** The time of the first of its servers. A file has none. */
async function serverTimeMs(
  discovery: AvailableDiscovery,
  wait: { readonly signal: AbortSignal },
): Promise<number | undefined> {
  if (discovery.scheme === 'file') return undefined;
  const [server] = discovery.hosts;
  return server === undefined ? undefined : readHttpDate({ ...server, tls: discovery.tls }, wait);
}

async function ruleFacts(wait: { readonly signal: AbortSignal }): Promise<RuleFacts | undefined> {
  try {
    return await readRuleFacts(iptablesClient(), wait);
  } catch (error) {
    if (error instanceof RedirectorError && error.code === 'no-command') return undefined;
    throw error;
  }
}

/** What to do is part of the reason. */
async function inWords<T>(look: () => Promise<T>): Promise<T> {
  try {
    return await look();
  } catch (error) {
    if (!(error instanceof RedirectorError) && !(error instanceof NftablesError)) throw error;
    throw new Error(error.inWords, { cause: error });
  }
}
