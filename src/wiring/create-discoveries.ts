import { ConsulDiscovery } from '../adapters/consul/consul-discovery.ts';
import { EtcdDiscovery } from '../adapters/etcd/etcd-discovery.ts';
import { createEtcd2Client } from '../adapters/etcd2/client.ts';
import { Etcd2Discovery } from '../adapters/etcd2/etcd2-discovery.ts';
import { createFileClient } from '../adapters/node/file-client.ts';
import { FileDiscovery } from '../adapters/file/file-discovery.ts';
import { createMarathonClient } from '../adapters/marathon/client.ts';
import { MarathonDiscovery } from '../adapters/marathon/marathon-discovery.ts';
import { addressesOfInterface } from '../adapters/node/interfaces.ts';
import { createStateClient } from '../adapters/state/client.ts';
import { StateStore } from '../adapters/state/state-store.ts';
import { EndpointMemory } from '../app/endpoint-memory.ts';
import type { ServerDiscovery } from '../cli/discovery-url.ts';
import type { AvailableDiscovery } from '../cli/resolve-discoveries.ts';
import type { Options } from '../cli/resolve-options.ts';
import type { DiscoveryChoice } from '../domain/discovery-choice.ts';
import type { Clock } from '../ports/clock.ts';
import type { Discovery } from '../ports/discovery.ts';
import type { Log } from '../ports/log.ts';
import type { Random } from '../ports/random.ts';

/** What discoveries depend on. */
export interface DiscoveryOptions extends Pick<
  Options,
  'discoveries' | 'discoverySockets' | 'filter' | 'interface' | 'marathonPort' | 'resyncMs'
> {
  /** What CONSUL_HTTP_TOKEN holds. */
  readonly consulToken: string | undefined;
}

/**
 * Opens the discoveries that were chosen.
 *
 * @param resources - Closes them.
 * @returns By name, in the order given.
 */
export async function createDiscoveries(
  dependencies: { readonly clock: Clock; readonly random: Random },
  options: DiscoveryOptions,
  resources: AsyncDisposableStack,
): Promise<ReadonlyMap<string, Discovery>> {
  const discoveries = new Map<string, Discovery>();
  for (const chosen of options.discoveries) {
    const discovery = await createDiscovery(dependencies, chosen, options);
    discoveries.set(chosen.name, resources.use(discovery));
  }
  return discoveries;
}

/**
 * Opens the memory of known endpoints that was asked for, with what an earlier run left in it.
 *
 * @param resources - Ends it, with everything saved.
 */
export async function createMemory(
  dependencies: { readonly clock: Clock; readonly random: Random; readonly log: Log },
  options: Pick<Options, 'stateDir'>,
  resources: AsyncDisposableStack,
): Promise<EndpointMemory | undefined> {
  if (options.stateDir === undefined) return undefined;
  const store = new StateStore({ client: createStateClient(options.stateDir) });
  const memory = new EndpointMemory({ ...dependencies, store });
  const ended = new AbortController();
  await memory.load({ signal: ended.signal });
  const running = memory.run({ signal: ended.signal });
  resources.defer(async () => {
    ended.abort();
    await running;
  });
  return memory;
}

/** What descriptors may ask of the discoveries that were chosen. Pure. */
export function discoveryChoices(options: Pick<Options, 'discoveries'>): readonly DiscoveryChoice[] {
  return options.discoveries.map(({ name, scheme }) => ({
    name,
    wildcards: scheme === 'etcd' || scheme === 'etcd2',
  }));
}

/** The libraries of servers nobody chose are not loaded: they are tens of megabytes. */
async function createDiscovery(
  dependencies: { readonly clock: Clock; readonly random: Random },
  discovery: AvailableDiscovery,
  options: DiscoveryOptions,
): Promise<Discovery> {
  const { resyncMs, discoverySockets: sockets } = options;
  switch (discovery.scheme) {
    case 'consul': {
      const { hosts, tls, tokenFile, datacenter, namespace, name } = discovery;
      const token = { file: tokenFile, text: options.consulToken };
      const { createConsulClient } = await import('../adapters/consul/client.ts');
      const client = await createConsulClient({ hosts, tls, token, datacenter, namespace, sockets });
      const rules = { name, resyncMs, sockets, keepsWarning: !options.filter };
      return new ConsulDiscovery({ ...dependencies, client }, rules);
    }
    case 'etcd2': {
      const { hosts, tls, name } = discovery;
      const credentials = credentialsOf(discovery);
      const client = createEtcd2Client({ hosts, tls, credentials, sockets });
      return new Etcd2Discovery({ ...dependencies, client }, { name, resyncMs, sockets });
    }
    case 'etcd': {
      const { createEtcdClient } = await import('../adapters/etcd/client.ts');
      const client = createEtcdClient(dependencies, {
        hosts: discovery.hosts.map(({ host, port }) =>
          host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
        ),
        tls: discovery.tls,
        credentials: credentialsOf(discovery),
      });
      return new EtcdDiscovery({ ...dependencies, client }, { name: discovery.name, resyncMs });
    }
    case 'marathon': {
      const { hosts, tls, tokenFile, name } = discovery;
      // Masters post to the address that other hosts know this one by.
      const [address] = addressesOfInterface(options.interface);
      const callback = address === undefined ? undefined : { address, port: options.marathonPort };
      const credentials = credentialsOf(discovery);
      const client = createMarathonClient({ hosts, tls, tokenFile, credentials, callback });
      return new MarathonDiscovery({ ...dependencies, client }, { name, resyncMs });
    }
    case 'file': {
      const client = createFileClient(discovery.path);
      return new FileDiscovery({ ...dependencies, client }, { name: discovery.name });
    }
  }
}

/** A user and where the password stands; undefined without either. */
function credentialsOf({
  user,
  passwordFile,
}: ServerDiscovery): { readonly user: string; readonly passwordFile: string } | undefined {
  return user === undefined || passwordFile === undefined ? undefined : { user, passwordFile };
}
