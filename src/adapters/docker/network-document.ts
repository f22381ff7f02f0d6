import { z } from 'zod';
import { shapeProblems } from './container-document.ts';
import { askEngine } from './ask-engine.ts';
import { formatProblem } from '../../domain/result.ts';
import { parseIpAddress } from '../../domain/address.ts';
import type { Attachment } from './container-document.ts';
import type { DockerClient } from './docker-client.ts';
import type { Result } from '../../domain/result.ts';
import type { Clock } from '../../ports/clock.ts';

/** The options of a bridge network, as libnetwork spells them. */
const BRIDGE_NAME_OPTION = 'com.docker.network.bridge.name';
const DEFAULT_BRIDGE_OPTION = 'com.docker.network.bridge.default_bridge';

/** The interface of Docker's default bridge, unless an option names another. */
const DEFAULT_BRIDGE = 'docker0';

/** The bridge through which overlay networks reach the world outside. */
const GATEWAY_BRIDGE = 'docker_gwbridge';

/** How much of a network's id its bridge is named after: `br-` and this many characters. */
const BRIDGE_ID_LENGTH = 12;

/** What embassy reads of a network. */
export interface DockerNetwork {
  readonly id: string;
  readonly name: string;
  /** `bridge`, `host`, `null`, `macvlan`, `ipvlan`, `overlay` or a plugin's. */
  readonly driver: string;
  /** Without a way out, by its creator's wish. */
  readonly internal: boolean;
  /** The host's interface of a bridge network; undefined for every other driver. */
  readonly bridge: string | undefined;
  /** Whether its containers reach each other directly; Docker's `enable_icc` ends that. */
  readonly joinsNeighbours: boolean;
}

/** @see Docker, bridge network driver, options. */
const ICC_OPTION = 'com.docker.network.bridge.enable_icc';

const networksSchema = z.array(
  z.object({
    Id: z.string().min(1),
    Name: z.string(),
    Driver: z.string(),
    Internal: z.boolean().default(false),
    Options: z.record(z.string(), z.string()).nullish(),
  }),
);

/** `GET /networks/{id}`: who is on it, by container id. */
const residentsSchema = z.object({
  Containers: z
    .record(
      z.string(),
      z.object({
        EndpointID: z.string().default(''),
        IPv4Address: z.string().default(''),
        IPv6Address: z.string().default(''),
      }),
    )
    .nullish(),
});

/**
 * Reads the document of `GET /networks`.
 *
 * @returns The networks by id, or where the document has another shape.
 *
 * Pure.
 */
export function parseNetworks(document: unknown): Result<ReadonlyMap<string, DockerNetwork>> {
  const parsed = networksSchema.safeParse(document);
  if (!parsed.success) return { ok: false, problems: shapeProblems('the list of networks', parsed.error) };
  const networks = parsed.data.map(({ Id: id, Name: name, Driver: driver, Internal: internal, Options }) => {
    const bridge = driver === 'bridge' ? bridgeOf(id, name, Options ?? {}) : undefined;
    const joinsNeighbours = Options?.[ICC_OPTION] !== 'false';
    return [id, { id, name, driver, internal, bridge, joinsNeighbours }] as const;
  });
  return { ok: true, value: new Map(networks) };
}

/** Lists the networks. Throws when the engine can't be asked or answers with something else. */
export async function readNetworks(
  { client, clock }: { readonly client: DockerClient; readonly clock: Clock },
  { signal }: { readonly signal: AbortSignal },
): Promise<ReadonlyMap<string, DockerNetwork>> {
  const what = 'GET /networks';
  const document = await askEngine(clock, { what, signal }, (limited) =>
    client.listNetworks({ signal: limited }),
  );
  const parsed = parseNetworks(document);
  if (parsed.ok) return parsed.value;
  throw new Error(parsed.problems.slice(0, 1).map(formatProblem).join(''));
}

/**
 * Tells the host's interface of Docker's default bridge, whose address is the default virtual IP [C3].
 *
 * @param signal - Gives up: rejects with `signal.reason`.
 * @returns What the network's option says, else `docker0`; undefined when the engine has no default bridge.
 * @throws {Error} The engine cannot be asked; retrying may help.
 */
export async function defaultBridgeName(
  dependencies: { readonly client: DockerClient; readonly clock: Clock },
  options: { readonly signal: AbortSignal },
): Promise<string | undefined> {
  const networks = await readNetworks(dependencies, options);
  for (const network of networks.values()) if (network.name === 'bridge') return network.bridge;
  return undefined;
}

/** Whether what leaves the host from a network does so through docker_gwbridge, with an address there. */
export function leavesByGateway(network: DockerNetwork): boolean {
  return network.driver === 'overlay';
}

/**
 * Reads who is on docker_gwbridge, with which address: containers on overlay networks leave through it, and
 * their own documents do not tell [C11].
 *
 * @returns By container id; empty where there is no such network.
 * @throws {Error} The engine cannot be asked, or answers with something else.
 */
export async function readGateway(
  { client, clock }: { readonly client: DockerClient; readonly clock: Clock },
  networks: ReadonlyMap<string, DockerNetwork>,
  { signal }: { readonly signal: AbortSignal },
): Promise<ReadonlyMap<string, Attachment>> {
  const gateway = [...networks.values()].find(({ name }) => name === GATEWAY_BRIDGE);
  if (gateway === undefined) return new Map();
  const what = `GET /networks/${GATEWAY_BRIDGE}`;
  const document = await askEngine(clock, { what, signal }, (limited) =>
    client.inspectNetwork(gateway.id, { signal: limited }),
  );
  return document === undefined ? new Map() : parseGateway(document, gateway);
}

function parseGateway(document: unknown, { id, name }: DockerNetwork): ReadonlyMap<string, Attachment> {
  const parsed = residentsSchema.safeParse(document);
  if (!parsed.success) {
    throw new Error(shapeProblems(`network ${name}`, parsed.error).slice(0, 1).map(formatProblem).join(''));
  }
  return new Map(
    Object.entries(parsed.data.Containers ?? {}).map(([container, at]) => {
      const addresses = [at.IPv4Address, at.IPv6Address]
        .map((text) => parseIpAddress(text.replace(/\/\d+$/, '')))
        .filter((address) => address !== undefined);
      return [container, { network: name, networkId: id, endpointId: at.EndpointID, addresses }];
    }),
  );
}

/**
 * Names the host's interfaces through which containers' traffic arrives, sorted and distinct. Networks
 * without a way out are left out: nothing of theirs is captured [C11].
 *
 * Pure.
 */
export function bridgeInterfaces(networks: ReadonlyMap<string, DockerNetwork>): readonly string[] {
  const names = [...networks.values()].flatMap(({ bridge, internal }) =>
    bridge === undefined || internal ? [] : [bridge],
  );
  return [...new Set(names)].sort();
}

/** Names those that keep their containers apart from each other (`enable_icc=false`), sorted. Pure. */
export function apartInterfaces(networks: ReadonlyMap<string, DockerNetwork>): readonly string[] {
  const apart = [...networks].filter(([, { joinsNeighbours }]) => !joinsNeighbours);
  return bridgeInterfaces(new Map(apart));
}

/**
 * Tells why traffic of a network never reaches a capture rule [C11].
 *
 * @returns The reason, e.g. `macvlan`, or undefined when it can be captured.
 *
 * Pure.
 */
export function uncapturable(network: DockerNetwork): string | undefined {
  if (network.internal) return 'internal';
  if (network.driver === 'null') return 'none';
  return ['macvlan', 'ipvlan'].find((driver) => driver === network.driver);
}

function bridgeOf(id: string, name: string, options: Readonly<Record<string, string>>): string {
  const named = options[BRIDGE_NAME_OPTION];
  if (named !== undefined && named !== '') return named;
  if (options[DEFAULT_BRIDGE_OPTION] === 'true' || name === 'bridge') return DEFAULT_BRIDGE;
  return `br-${id.slice(0, BRIDGE_ID_LENGTH)}`;
}
