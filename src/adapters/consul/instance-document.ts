import { z } from 'zod';
import { parseHostName, parseIpAddress, parsePort } from '../../domain/address.ts';
import { endpointId, WEIGHT_DEFAULT, WEIGHT_MAX } from '../../domain/endpoint.ts';
import { printable } from '../../domain/printable.ts';
import type { EndpointId, ToldEndpoint } from '../../domain/endpoint.ts';

/** The most instances read for one service; a hundred times what one host can use. */
const INSTANCES_MAX = 10_000;

/** The most characters of a name that a message repeats. */
const SHOWN_MAX = 80;

/** registrator marks a UDP port in the id: `<hostname>:<container>:<port>:udp`. */
const REGISTRATOR_UDP = /^[^:]+:[^:]+:[0-9]+:udp$/;

/** What makes an entry an instance at all; without it the answer is not Consul's. */
const IDENTITY = z.object({
  Node: z.object({ Node: z.string().min(1), Address: z.string().nullish() }),
  Service: z.object({ ID: z.string().min(1) }),
});

const WEIGHT = z.int().min(0).max(WEIGHT_MAX);

/** What embassy reads of an instance, besides. */
const DETAILS = z.object({
  Service: z.object({
    Address: z.string().nullish(),
    Port: z.number().nullish(),
    Tags: z.array(z.string()).nullish(),
    Weights: z.object({ Passing: WEIGHT, Warning: WEIGHT }).nullish(),
  }),
  Checks: z.array(z.object({ CheckID: z.string(), Status: z.string() })).nullish(),
});

/** How an instance is, of the worst of its checks and its node's. */
export type InstanceHealth = 'passing' | 'warning' | 'critical' | 'maintenance';

/** One instance of a service as Consul lists it. */
export interface Instance {
  readonly id: EndpointId;
  /** The name of its node, whose rights hide it. */
  readonly node: string;
  /** Names it in problems, e.g. `instance web-1 at node n1`. */
  readonly place: string;
  readonly health: InstanceHealth;
  /** Undefined when it cannot be dialled, as `faults` say. */
  readonly endpoint: ToldEndpoint | undefined;
  readonly faults: readonly string[];
}

/**
 * Reads the answer of `/v1/health/service/:service`.
 *
 * @returns The instances in the order of the answer, those of registrator that are UDP left out; or what is
 *   wrong with its shape, in which case nothing of it is to be believed.
 *
 * Pure.
 */
export function parseInstances(body: unknown): readonly Instance[] | { readonly fault: string } {
  if (!Array.isArray(body)) return { fault: 'is JSON, but not a list of instances' };
  if (body.length > INSTANCES_MAX) return { fault: `lists more than ${INSTANCES_MAX} instances` };
  const instances = new Map<EndpointId, Instance>();
  for (const [index, entry] of body.entries()) {
    const instance = parseInstance(entry);
    if (instance === undefined) return { fault: `has no Node.Node or Service.ID at place ${index + 1}` };
    if (!REGISTRATOR_UDP.test(instance.serviceId)) instances.set(instance.id, instance);
  }
  return [...instances.values()];
}

function parseInstance(entry: unknown): (Instance & { readonly serviceId: string }) | undefined {
  const identity = IDENTITY.safeParse(entry);
  if (!identity.success) return undefined;
  const { Node: node, Service: service } = identity.data;
  const base = {
    // An id of a service is unique at its node only.
    id: endpointId(`${node.Node}/${service.ID}`),
    serviceId: service.ID,
    node: node.Node,
    place: `instance ${shown(service.ID)} at node ${shown(node.Node)}`,
  };
  const details = DETAILS.safeParse(entry);
  if (!details.success) {
    const faults = details.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
    return { ...base, health: 'passing', endpoint: undefined, faults };
  }
  const { Service: read, Checks: checks } = details.data;
  const health = healthOf(checks ?? []);
  const usesOwn = read.Address !== undefined && read.Address !== null && read.Address !== '';
  const addressText = (usesOwn ? read.Address : node.Address) ?? '';
  const address = parseIpAddress(addressText) ?? parseHostName(addressText);
  const port = parsePort(read.Port ?? 0);
  if (address === undefined || port === undefined) {
    const faults: string[] = [];
    const field = usesOwn ? 'Service.Address' : 'Node.Address';
    if (address === undefined) faults.push(`${field}: ${addressFault(addressText)}`);
    if (port === undefined) faults.push(`Service.Port: '${read.Port ?? ''}' is not a port from 1 to 65535`);
    return { ...base, health, endpoint: undefined, faults };
  }
  const weights = read.Weights ?? { Passing: WEIGHT_DEFAULT, Warning: WEIGHT_DEFAULT };
  const weight = health === 'warning' ? weights.Warning : weights.Passing;
  const endpoint = { id: base.id, address, port, weight, tags: read.Tags ?? [] };
  return { ...base, health, endpoint, faults: [] };
}

/** A status that is not known is as bad as critical: nobody said that it passes. */
function healthOf(checks: readonly { readonly CheckID: string; readonly Status: string }[]): InstanceHealth {
  let health: InstanceHealth = 'passing';
  for (const { CheckID: id, Status: status } of checks) {
    if (status === 'passing') continue;
    if (status === 'warning') {
      if (health === 'passing') health = 'warning';
    } else if (id === '_node_maintenance' || id.startsWith('_service_maintenance:')) {
      return 'maintenance';
    } else health = 'critical';
  }
  return health;
}

function addressFault(text: string): string {
  if (text === '') return 'the address is empty';
  return `'${shown(text)}' is neither an IP address nor the name of a host`;
}

function shown(text: string): string {
  return printable(text).slice(0, SHOWN_MAX);
}
