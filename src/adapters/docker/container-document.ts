import { z } from 'zod';
import { parseIpAddress, parsePort } from '../../domain/address.ts';
import type { AddressFamily, IpAddress, Port, Protocol } from '../../domain/address.ts';
import type { Problem, Result } from '../../domain/result.ts';

/** How much of a container's id people read, as Docker itself prints it. */
const SHORT_ID_LENGTH = 12;

/** Problems told of one document; a list of ten thousand rows would have as many. */
const SHAPE_PROBLEMS_MAX = 5;

/** A container's place on one network. */
export interface Attachment {
  /** The network's name. */
  readonly network: string;
  readonly networkId: string;
  /** New whenever an address is given anew. */
  readonly endpointId: string;
  /** IPv4 first; empty on host, none and while the container is not attached. */
  readonly addresses: readonly IpAddress[];
}

/** A port of the host that leads to one of a container's. */
export interface PortMapping {
  /** A family alone is every address of the host. */
  readonly at: IpAddress | AddressFamily;
  readonly port: Port;
  readonly protocol: Protocol;
  readonly containerPort: Port;
}

/** What embassy reads of a container. */
export interface ContainerDocument {
  readonly id: string;
  /** Without the slash Docker puts before it, e.g. `web-1`. */
  readonly name: string;
  /** Whether its processes run; a paused container's do, one that waits to be restarted has none. */
  readonly running: boolean;
  /** When this life began, as Docker writes it. */
  readonly startedAt: string;
  /** `NAME=value` each, as given. */
  readonly env: readonly string[];
  /** As it was named when the container was made. */
  readonly image: string;
  readonly labels: readonly (readonly [name: string, value: string])[];
  /** `default`, `bridge`, `host`, `none`, `container:<id or name>` or a network's name. */
  readonly networkMode: string;
  readonly attachments: readonly Attachment[];
  /** What the host publishes of it. A mapping that cannot be read is left out: nothing depends on it. */
  readonly published: readonly PortMapping[];
}

const attachmentSchema = z.object({
  NetworkID: z.string().default(''),
  EndpointID: z.string().default(''),
  IPAddress: z.string().default(''),
  GlobalIPv6Address: z.string().default(''),
});

const hostPortSchema = z.object({ HostIp: z.string(), HostPort: z.string() });

const containerSchema = z.object({
  Id: z.string().min(1),
  Name: z.string(),
  State: z.object({ Running: z.boolean(), Restarting: z.boolean().optional(), StartedAt: z.string() }),
  Config: z.object({
    Env: z.array(z.string()).nullish(),
    Image: z.string().default(''),
    Labels: z.record(z.string(), z.string()).nullish(),
  }),
  HostConfig: z.object({ NetworkMode: z.string().default('default') }),
  NetworkSettings: z.object({
    Networks: z.record(z.string(), attachmentSchema.nullable()).nullish(),
    // Of a shape we don't know, it tells nothing.
    Ports: z.record(z.string(), z.array(hostPortSchema).nullable()).nullish().catch(undefined),
  }),
});

const listSchema = z.array(z.object({ Id: z.string().min(1) }));

const rowsSchema = z.array(
  z.object({
    Id: z.string().min(1),
    NetworkSettings: z
      .object({ Networks: z.record(z.string(), z.object({ EndpointID: z.string().default('') })).nullish() })
      .nullish(),
  }),
);

/**
 * Reads the document of `GET /containers/{id}/json`. Addresses come from `Networks` alone: the one beside it
 * is only the default bridge's, and gone since API 1.52 [P06, P08].
 *
 * @param document - Whatever the engine answered.
 * @param id - The container that was asked for, to name it when its document cannot be read.
 * @returns What embassy needs, or each place where the document has another shape.
 *
 * Pure. What it does not name may have any shape.
 */
export function parseContainerDocument(document: unknown, id: string): Result<ContainerDocument> {
  const parsed = containerSchema.safeParse(document);
  const place = `container ${shortId(id)}`;
  if (!parsed.success) return { ok: false, problems: shapeProblems(place, parsed.error) };
  const { Id, Name, State, Config, HostConfig, NetworkSettings } = parsed.data;
  const networks = Object.entries(NetworkSettings.Networks ?? {});
  const attachments = networks.flatMap(([network, at]): Attachment[] => {
    if (at === null) return [];
    const addresses = [at.IPAddress, at.GlobalIPv6Address]
      .map(parseIpAddress)
      .filter((address) => address !== undefined);
    return [{ network, networkId: at.NetworkID, endpointId: at.EndpointID, addresses }];
  });
  return {
    ok: true,
    value: {
      id: Id,
      name: Name.replace(/^\//, ''),
      running: State.Running && State.Restarting !== true,
      startedAt: State.StartedAt,
      env: Config.Env ?? [],
      image: Config.Image,
      labels: Object.entries(Config.Labels ?? {}),
      networkMode: HostConfig.NetworkMode,
      attachments,
      published: Object.entries(NetworkSettings.Ports ?? {}).flatMap(([port, at]) =>
        mappingsOf(port, at ?? []),
      ),
    },
  };
}

/** @param port - As Docker names it, e.g. `80/tcp`. */
function mappingsOf(port: string, at: readonly z.infer<typeof hostPortSchema>[]): readonly PortMapping[] {
  const [number = '', protocol] = port.split('/');
  const containerPort = parsePort(Number(number));
  if (containerPort === undefined || (protocol !== 'tcp' && protocol !== 'udp')) return [];
  return at.flatMap(({ HostIp, HostPort }): readonly PortMapping[] => {
    const [address, hostPort] = [addressOf(HostIp), parsePort(Number(HostPort))];
    if (address === undefined || hostPort === undefined) return [];
    return [{ at: address, port: hostPort, protocol, containerPort }];
  });
}

/** An address of the host as Docker writes it; older engines left it empty for all of IPv4. */
function addressOf(text: string): IpAddress | AddressFamily | undefined {
  if (text === '' || text === '0.0.0.0') return 4;
  return text === '::' ? 6 : parseIpAddress(text);
}

/**
 * Reads the document of `GET /containers/json`.
 *
 * @returns The ids in the engine's order, or where the document has another shape.
 *
 * Pure. Only ids are read: everything else comes from one container's own document, which is of one instant.
 */
export function parseContainerList(document: unknown): Result<readonly string[]> {
  const parsed = listSchema.safeParse(document);
  if (!parsed.success) return { ok: false, problems: shapeProblems('the list of containers', parsed.error) };
  return { ok: true, value: [...new Set(parsed.data.map((row) => row.Id))] };
}

/**
 * Reads from the document of `GET /containers/json` which endpoints each running container has now: enough to
 * tell who has to be looked at again, at the price of one question for all.
 *
 * @returns Endpoint ids by container id, or where the document has another shape.
 *
 * Pure.
 */
export function parseContainerRows(document: unknown): Result<ReadonlyMap<string, ReadonlySet<string>>> {
  const parsed = rowsSchema.safeParse(document);
  if (!parsed.success) return { ok: false, problems: shapeProblems('the list of containers', parsed.error) };
  const rows = parsed.data.map(({ Id, NetworkSettings }) => {
    const networks = Object.values(NetworkSettings?.Networks ?? {});
    return [Id, new Set(networks.map(({ EndpointID }) => EndpointID))] as const;
  });
  return { ok: true, value: new Map(rows) };
}

/** The first twelve characters of an id. Pure. */
export function shortId(id: string): string {
  return id.slice(0, SHORT_ID_LENGTH);
}

/** Says where a document differs from what was expected, one problem a place. Pure. */
export function shapeProblems(place: string, error: z.ZodError): readonly Problem[] {
  return error.issues.slice(0, SHAPE_PROBLEMS_MAX).map((issue) => ({
    place,
    message: `docker's document has another shape: ${issue.path.join('.') || 'document'}: ${issue.message}`,
  }));
}
