import type { AppDocument, TaskDocument } from './app-document.ts';

/** Where a task serves a container port: a host or address, and a port, as they were written. */
export interface TaskAddress {
  readonly host: string;
  readonly port: number;
}

/** How an app's tasks are on the network. */
type NetworkMode =
  /** At the host's address, at the ports Mesos gave. */
  | 'host'
  /** The same, by mappings of the container's ports. */
  | 'bridge'
  /** At an address of the task's own, at the container's ports. */
  | 'container';

/** A port of an app: what the container calls it, and whether Mesos gives a host port for it. */
interface AppPort {
  readonly containerPort: number;
  readonly takesHostPort: boolean;
  readonly protocol: string;
}

/**
 * Tells where a task serves one of its app's container ports [P19, D07].
 *
 * Host and bridge: the task's host at its i-th port, i being the place among definitions or mappings.
 * Container (IP per task): the task's own address at the container port, or, where that is 0, at the host
 * port. There a mapping without a host port takes none, so the i-th host port belongs to the i-th mapping
 * that has one.
 *
 * @param wanted - The container port that was asked for.
 * @returns Undefined where the app has no such TCP port, or the task has no address or port yet.
 *
 * Pure.
 */
export function taskAddress(app: AppDocument, task: TaskDocument, wanted: number): TaskAddress | undefined {
  const mode = networkMode(app);
  const ports = appPorts(app, mode);
  const index = ports.findIndex(({ containerPort, protocol }) => containerPort === wanted && isTcp(protocol));
  const anyPort = ports.findIndex(({ containerPort, protocol }, at) => {
    return containerPort === 0 && isTcp(protocol) && hostPortOf(ports, at, task, mode) === wanted;
  });
  const at = index >= 0 ? index : anyPort;
  const found = ports[at];
  if (found === undefined) return undefined;
  if (mode === 'container') {
    const host = task.ipAddresses?.find(({ ipAddress }) => (ipAddress ?? '') !== '')?.ipAddress ?? undefined;
    const port = found.containerPort === 0 ? hostPortOf(ports, at, task, mode) : found.containerPort;
    return host === undefined || port === undefined ? undefined : { host, port };
  }
  const port = hostPortOf(ports, at, task, mode);
  const host = task.host ?? '';
  return host === '' || port === undefined ? undefined : { host, port };
}

/** Whether an app has a TCP port of that number at all, whatever its tasks. Pure. */
export function hasPort(app: AppDocument, wanted: number): boolean {
  const ports = appPorts(app, networkMode(app));
  return ports.some(({ containerPort, protocol }) => {
    return (containerPort === wanted || containerPort === 0) && isTcp(protocol);
  });
}

function networkMode({ networks, container, ipAddress }: AppDocument): NetworkMode {
  const mode = networks?.find((network) => (network.mode ?? '') !== '')?.mode ?? undefined;
  if (mode === 'container') return 'container';
  if (mode === 'container/bridge') return 'bridge';
  if (mode === 'host') return 'host';
  switch (container?.docker?.network ?? '') {
    case 'USER':
      return 'container';
    case 'BRIDGE':
      return 'bridge';
  }
  return ipAddress === undefined || ipAddress === null ? 'host' : 'container';
}

function appPorts(app: AppDocument, mode: NetworkMode): readonly AppPort[] {
  const { container, ipAddress, portDefinitions, ports } = app;
  const mappings = container?.portMappings ?? container?.docker?.portMappings;
  if (mode !== 'host' && mappings !== undefined && mappings !== null && mappings.length > 0) {
    return mappings.map(({ containerPort, hostPort, protocol }) => ({
      containerPort: containerPort ?? 0,
      takesHostPort: mode === 'bridge' || (hostPort ?? undefined) !== undefined,
      protocol: protocol ?? 'tcp',
    }));
  }
  const discovered = ipAddress?.discovery?.ports;
  if (mode === 'container' && discovered !== undefined && discovered !== null) {
    return discovered.map(({ number, protocol }) => ({
      containerPort: number,
      takesHostPort: false,
      protocol: protocol ?? 'tcp',
    }));
  }
  // Without a container's own network its ports are the host's: what was asked for is known by the number in
  // the definition.
  const definitions = portDefinitions ?? ports?.map((port) => ({ port, protocol: 'tcp' })) ?? [];
  return definitions.map(({ port, protocol }) => ({
    containerPort: port ?? 0,
    takesHostPort: true,
    protocol: protocol ?? 'tcp',
  }));
}

function hostPortOf(
  ports: readonly AppPort[],
  at: number,
  task: TaskDocument,
  mode: NetworkMode,
): number | undefined {
  if (ports[at]?.takesHostPort !== true) return undefined;
  const before = ports.slice(0, at);
  const index = mode === 'container' ? before.filter(({ takesHostPort }) => takesHostPort).length : at;
  return task.ports?.[index];
}

/** `tcp`, `udp`, `tcp,udp` or `udp,tcp`. */
function isTcp(protocol: string): boolean {
  return protocol.split(',').includes('tcp');
}
