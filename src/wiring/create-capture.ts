import { defaultBridgeName } from '../adapters/docker/network-document.ts';
import { iptablesClient } from '../adapters/iptables/client.ts';
import { IptablesRedirector } from '../adapters/iptables/iptables-redirector.ts';
import { nftablesClient } from '../adapters/nftables/client.ts';
import { NftablesRedirector } from '../adapters/nftables/nftables-redirector.ts';
import { addressesOfInterface } from '../adapters/node/interfaces.ts';
import { listeningPorts } from '../adapters/node/listening-ports.ts';
import { CaptureKeeper } from '../app/capture-keeper.ts';
import { findVirtualIps } from '../app/find-virtual-ips.ts';
import { RedirectorChoice } from '../app/redirector-choice.ts';
import { formatDockerHost } from '../cli/docker-host.ts';
import { familyOf, isLoopback } from '../domain/address.ts';
import type { CaptureKeeperDependencies } from '../app/capture-keeper.ts';
import type { CapturePlan } from '../app/capture-plan.ts';
import type { HostAddresses } from '../app/listen-plan.ts';
import type { ListenPlan } from '../app/listener-set.ts';
import type { Options } from '../cli/resolve-options.ts';
import type { AddressFamily, IpAddress } from '../domain/address.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Random } from '../ports/random.ts';
import type { Redirector } from '../ports/redirector.ts';

/** The most ports that the line about hidden ones names. */
const HIDDEN_NAMED_MAX = 20;

/** A listener at `::` takes both. */
const FAMILIES: readonly AddressFamily[] = [4, 6];
const IPV4_ONLY: readonly AddressFamily[] = [4];

/** Makes the redirector of this host: by iptables, as Docker's own rules mostly are, else by nft. */
export function createRedirector(log: Log): Redirector {
  return new RedirectorChoice(
    [
      { name: 'iptables', redirector: new IptablesRedirector({ client: iptablesClient(), log }) },
      { name: 'nft', redirector: new NftablesRedirector({ client: nftablesClient(), log }) },
    ],
    log,
  );
}

/**
 * Tells the addresses consumers dial: the given ones, else, where rules are written for them, those of
 * Docker's default bridge [C3].
 *
 * @param signal - Ends the wait for the bridge.
 * @returns Undefined when told to stop meanwhile.
 * @throws {VirtualIpUnknown} There is no such bridge, and `--fail-fast` was chosen.
 */
export async function chooseVirtualIps(
  dependencies: { readonly clock: Clock; readonly random: Random; readonly log: Log },
  options: Options,
  signal: AbortSignal,
): Promise<readonly IpAddress[] | undefined> {
  if (options.capture.kind !== 'dnat' || options.virtualIps.length > 0) return options.virtualIps;
  const { clock } = dependencies;
  const { createDockerClient } = await import('../adapters/docker/client.ts');
  const client = createDockerClient({ engine: formatDockerHost(options.docker) });
  try {
    return await findVirtualIps(
      {
        ...dependencies,
        bridgeName: async (wait) => (await defaultBridgeName({ client, clock }, wait)) ?? 'docker0',
        addressesOf: addressesOfInterface,
      },
      { wait: !options.failFast, signal },
    );
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  }
}

/**
 * Makes the keeper of the rules; undefined where no rule is ours to write.
 *
 * @param listen - Where the proxier listens.
 */
export function createCapture(
  dependencies: Omit<CaptureKeeperDependencies, 'redirector'> & { readonly host: HostAddresses },
  options: Options & { readonly listen: ListenPlan },
): CaptureKeeper | undefined {
  const plan = planOf(dependencies.host, options);
  if (plan === undefined) return undefined;
  return new CaptureKeeper({ ...dependencies, redirector: createRedirector(dependencies.log) }, plan);
}

function planOf(
  host: HostAddresses,
  options: Options & { readonly listen: ListenPlan },
): CapturePlan | undefined {
  const { capture, listen, virtualIps, unbound, port } = options;
  if (listen.kind !== 'captured') return undefined;
  switch (capture.kind) {
    case 'dnat':
      return {
        kind: 'dnat',
        virtualIps,
        listeners: listen.at,
        unbound,
        hostAddresses: () => host.all(),
      };
    case 'redirect': {
      const families = listen.at.some(({ address }) => familyOf(address) === 6) ? FAMILIES : IPV4_ONLY;
      return { kind: 'redirect', families, virtualIps, port, unbound };
    }
    case 'none':
    case 'listen':
      return undefined;
  }
}

/**
 * Says in one line which ports can no longer be dialled because of the capture [C3]: with `--dnat` the host's
 * at the virtual IP, with `--redirect` those of programs beside us in our network namespace.
 */
export function tellHiddenPorts(log: Log, host: HostAddresses, options: Options): void {
  const { capture, unbound, virtualIps } = options;
  if (unbound === 'pass' || (capture.kind !== 'dnat' && capture.kind !== 'redirect')) return;
  const isDnat = capture.kind === 'dnat';
  const at = isDnat ? virtualIps : host.all().filter((address) => !isLoopback(address));
  const hidden = listeningPorts(at).filter((port) => port !== options.port);
  if (hidden.length === 0) return;
  const more = hidden.length > HIDDEN_NAMED_MAX ? ` and ${hidden.length - HIDDEN_NAMED_MAX} more` : '';
  const ports = `port ${hidden.slice(0, HIDDEN_NAMED_MAX).join(', ')}${more}`;
  log.info(
    isDnat
      ? `containers no longer reach what this host has at ${virtualIps.join(', ')}: ${ports}; ` +
          '--unbound=pass leaves them what they did not bind, ' +
          '--virtual-ip gives embassy an address of its own'
      : `nobody outside reaches what else listens in this network namespace: ${ports}; ` +
          '--unbound=pass leaves it what is not bound',
  );
}

/** Says what is the operator's to do where no rule is written. */
export function tellUncaptured(options: Options, host: Pick<HostAddresses, 'addressesOf'>, log: Log): void {
  log.info(
    `no capture mode is chosen: lead TCP to port ${options.port} by rules of your own, ` +
      'or start with --dnat, --redirect or --listen',
  );
  if (host.addressesOf(options.interface).length > 0) return;
  log.warn(
    `interface ${options.interface} does not exist or has no address: embassy listens on loopback only; ` +
      'choose another with -interface=NAME',
  );
}
