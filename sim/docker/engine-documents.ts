import type { SimContainer, SimNetwork } from './engine-state.ts';

/** Which engine's documents are written: 20.10 offers 1.41; since 1.52 some fields are gone. */
export type ApiShape = '1.41' | '1.52';

/**
 * Writes the document of `GET /containers/{id}/json`.
 *
 * @see Docker Engine API, ContainerInspect of both versions.
 */
export function containerDocument(container: SimContainer, shape: ApiShape): unknown {
  const { id, name, env, labels, networkMode, isRunning, isPaused, startedAt } = container;
  const ports = Object.entries(container.ports).map(([port, HostPort]) => [
    port,
    [{ HostIp: '0.0.0.0', HostPort }],
  ]);
  const networks = Object.fromEntries(
    [...container.attachments]
      .filter(([network]) => network !== 'docker_gwbridge')
      .map(([network, at]) => [
        network,
        {
          IPAMConfig: null,
          Links: null,
          Aliases: null,
          NetworkID: at.networkId,
          EndpointID: at.endpointId,
          Gateway: at.address === '' ? '' : at.address.replace(/[0-9]+$/, '1'),
          IPAddress: at.address,
          IPPrefixLen: at.address === '' ? 0 : 24,
          IPv6Gateway: '',
          GlobalIPv6Address: at.address6,
          GlobalIPv6PrefixLen: at.address6 === '' ? 0 : 64,
          MacAddress: '',
          DriverOpts: null,
        },
      ]),
  );
  const legacy = shape === '1.41' ? { IPAddress: container.attachments.get('bridge')?.address ?? '' } : {};
  return {
    Id: id,
    Created: '2026-01-01T00:00:00Z',
    Path: 'sleep',
    Args: ['1000'],
    State: {
      Status: stateOf(container),
      Running: isRunning,
      Paused: isPaused,
      Restarting: false,
      Dead: false,
      Pid: isRunning ? 4242 : 0,
      ExitCode: 0,
      StartedAt: startedAt,
    },
    Name: `/${name}`,
    Config: { Hostname: id.slice(0, 12), Env: env.length === 0 ? null : env, Labels: labels },
    HostConfig: { NetworkMode: networkMode },
    NetworkSettings: {
      SandboxKey: '/var/run/docker/netns/x',
      Ports: Object.fromEntries(ports) as unknown,
      ...legacy,
      Networks: networks,
    },
  };
}

/** Writes one row of `GET /containers/json`. */
export function containerRow(container: SimContainer): unknown {
  const { id, name, labels, networkMode } = container;
  return {
    Id: id,
    Names: [`/${name}`],
    Labels: labels,
    State: stateOf(container),
    Status: 'Up 1 second',
    HostConfig: { NetworkMode: networkMode },
    NetworkSettings: {
      Networks: Object.fromEntries(
        [...container.attachments].map(([network, at]) => [network, { EndpointID: at.endpointId }]),
      ),
    },
  };
}

/** Writes one row of `GET /networks`. */
export function networkRow({ id, name, driver, internal, options }: SimNetwork): unknown {
  const fixed = { Scope: 'local', Labels: {} };
  return { Name: name, Id: id, Driver: driver, Internal: internal, Options: options, ...fixed };
}

/** Writes the document of `GET /networks/{id}`, which names who is on it. */
export function networkDocument(network: SimNetwork, containers: Iterable<SimContainer>): unknown {
  const residents = [...containers].flatMap((container) => {
    const at = container.attachments.get(network.name);
    if (at === undefined || at.address === '') return [];
    const addresses = { IPv4Address: `${at.address}/16`, IPv6Address: at.address6 };
    return [[container.id, { Name: container.name, EndpointID: at.endpointId, ...addresses }] as const];
  });
  return { Name: network.name, Id: network.id, Containers: Object.fromEntries(residents) };
}

function stateOf({ isRunning, isPaused }: SimContainer): string {
  if (!isRunning) return 'exited';
  return isPaused ? 'paused' : 'running';
}
