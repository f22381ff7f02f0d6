import { createDockerProvider } from '../adapters/docker/docker-provider.ts';
import { createLinkClient } from '../adapters/netlink/client.ts';
import { followLinkRemovals } from '../adapters/netlink/follow-link-removals.ts';
import { interfacesWith } from '../adapters/node/interfaces.ts';
import { createStaticProvider } from '../adapters/static/static-provider.ts';
import { addressesOrThrow } from '../app/listen-plan.ts';
import { formatDockerHost } from '../cli/docker-host.ts';
import { parseIpAddress } from '../domain/address.ts';
import { discoveryChoices } from './create-discoveries.ts';
import type { HostAddresses } from '../app/listen-plan.ts';
import type { Options } from '../cli/resolve-options.ts';
import type { IpAddress } from '../domain/address.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Provider } from '../ports/provider.ts';
import type { Random } from '../ports/random.ts';

/** What a provider of this program works with. */
export interface ProviderDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly host: HostAddresses;
}

/**
 * Makes the provider that was chosen.
 *
 * @param rest - `virtualIps`: what consumers dial; static consumers arrive through the interface that has it.
 *   `udp`: whether `/udp` can be carried.
 * @throws {HostAddressError} Static services are for the address of an interface that has none.
 */
export async function createProvider(
  dependencies: ProviderDependencies,
  options: Options,
  { virtualIps, udp }: { readonly virtualIps: readonly IpAddress[]; readonly udp: boolean },
): Promise<Provider> {
  const { clock, random, log, host } = dependencies;
  const rules = { discoveries: discoveryChoices(options), udp };
  switch (options.provider) {
    case 'docker': {
      const { docker, prefix, capture } = options;
      const { createDockerClient } = await import('../adapters/docker/client.ts');
      const client = createDockerClient({ engine: formatDockerHost(docker) });
      const isElsewhere = docker.kind === 'tcp' && !isHere(docker.host, host);
      return createDockerProvider(
        { client, clock, random, log },
        {
          prefix,
          rules,
          followLinks: async (watch) => followLinkRemovals({ client: createLinkClient(), clock }, watch),
          // In a network namespace of its own, embassy sees another network than the host's.
          ...(capture.kind === 'redirect' ? {} : { hostAddresses: () => host.all() }),
          ...(isElsewhere ? { remote: `${docker.host}:${docker.port}` } : {}),
        },
      );
    }
    case 'static': {
      const { text, place } = options.services;
      if (text === '') log.warn('there is nothing to bind; name what is wanted: -services=NAME;PORT,…');
      const addresses =
        options.consumers.length > 0 ? options.consumers : addressesOrThrow(host, options.interface);
      const interfaces = [...new Set(virtualIps.flatMap(interfacesWith))].sort();
      if (options.capture.kind === 'dnat' && interfaces.length === 0) {
        log.warn(
          `no interface of this host has ${virtualIps.join(' or ')}, so nothing is captured for the static ` +
            'services; --dnat needs the address of a bridge as --virtual-ip, or -provider=docker',
        );
      }
      return createStaticProvider({ services: text, place, addresses, rules, interfaces });
    }
  }
}

/** Whether a host that is named somehow is this one. A name is taken for another host, but for localhost. */
export function isHere(name: string, host: HostAddresses): boolean {
  const address = parseIpAddress(name);
  return address === undefined ? name === 'localhost' : host.isLocal(address);
}
