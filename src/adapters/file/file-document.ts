import { isAlias, isMap, isNode, isScalar, isSeq } from 'yaml';
import { z } from 'zod';
import { formatSocketAddress, parseHost, parseHostAndPort, parsePort } from '../../domain/address.ts';
import { endpointId, WEIGHT_DEFAULT, WEIGHT_MAX } from '../../domain/endpoint.ts';
import { readYaml } from '../../domain/read-yaml.ts';
import { parseServiceName, wildcardOffset } from '../../domain/service-name.ts';
import type { Node } from 'yaml';
import type { HostName, IpAddress, Port } from '../../domain/address.ts';
import type { ToldEndpoint } from '../../domain/endpoint.ts';
import type { YamlText } from '../../domain/read-yaml.ts';
import type { Problem } from '../../domain/result.ts';
import type { ServiceName } from '../../domain/service-name.ts';

/** Characters of a file; a hundred thousand endpoints fit. */
const FILE_LENGTH_MAX = 8 * 1024 * 1024;

const FORM = 'write "address:port" or {address, port, weight, tags}';

/** The long form of an endpoint. */
const ENTRY = z.strictObject({
  address: z.string(),
  port: z.union([z.number(), z.string()]),
  weight: z.int().min(0).max(WEIGHT_MAX).optional(),
  tags: z.array(z.string()).optional(),
});

/** One service of the file. */
export interface FileService {
  /**
   * The good ones, sorted by id; undefined when what stands there is no list, or one without a good entry:
   * neither is an empty list.
   */
  readonly endpoints: readonly ToldEndpoint[] | undefined;
  readonly problems: readonly Problem[];
}

/** What a readable file says. */
export interface FileContent {
  readonly services: ReadonlyMap<ServiceName, FileService>;
  /** What belongs to no service, such as a name that is none. */
  readonly problems: readonly Problem[];
}

/** The content, or why there is none: then nothing of the text is used, because a part would look whole. */
export type ParsedFile =
  | { readonly ok: true; readonly value: FileContent }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/**
 * Reads the endpoints file [C7]: YAML or JSON, service name → list of `address:port` or
 * `{address, port, weight, tags}`.
 *
 * @param path - Names the file in the problems, each with line and column.
 * @returns All good entries, with a problem for each other one; no content if and only if the text is not
 *   YAML, is empty, or is not a map. An empty text is what a reader sees while an editor writes, so it is no
 *   content; `{}` says that there are no services.
 *
 * Pure; O(length).
 */
export function parseFile(text: string, path: string): ParsedFile {
  const yaml = readYaml(text, path, { lengthMax: FILE_LENGTH_MAX });
  if (!yaml.ok) return yaml;
  const source = yaml.value;
  const root = source.document.contents;
  if (root === null || (isScalar(root) && root.value === null)) {
    const message = 'the file is empty; {} says that there is no service';
    return { ok: false, problems: [source.whole(message)] };
  }
  if (!isMap(root)) {
    const message = 'must be a map from service names to lists of endpoints';
    return { ok: false, problems: [source.at(root, message)] };
  }
  return { ok: true, value: readServices(root.items, source) };
}

function readServices(
  pairs: readonly { readonly key: unknown; readonly value: unknown }[],
  source: YamlText,
): FileContent {
  const services = new Map<ServiceName, FileService>();
  const problems: Problem[] = [];
  for (const pair of pairs) {
    const keyNode = isNode(pair.key) ? pair.key : undefined;
    if (!isScalar(keyNode)) {
      problems.push(source.at(keyNode, 'not the name of a service'));
      continue;
    }
    const name = parseServiceName(String(keyNode.value));
    if (!name.ok) {
      for (const fault of name.faults) problems.push(source.at(keyNode, fault.message));
    } else if (wildcardOffset(name.value) !== undefined) {
      problems.push(source.at(keyNode, "'*' cannot stand in the name of a service here"));
    } else if (services.has(name.value)) {
      problems.push(source.at(keyNode, `${name.value} is given twice; the first is used`));
    } else {
      services.set(name.value, readService(resolve(pair.value, source), keyNode, source));
    }
  }
  return { services, problems };
}

function readService(value: unknown, keyNode: Node | undefined, source: YamlText): FileService {
  if (value === null || (isScalar(value) && value.value === null)) return { endpoints: [], problems: [] };
  if (!isSeq<Node>(value)) {
    return { endpoints: undefined, problems: [source.at(keyNode, `must be a list of endpoints: ${FORM}`)] };
  }
  const endpoints = new Map<string, ToldEndpoint>();
  const problems: Problem[] = [];
  for (const node of value.items) {
    const entry = readEntry(node, resolve(node, source), source);
    if ('problems' in entry) {
      problems.push(...entry.problems);
    } else if (endpoints.has(entry.id)) {
      problems.push(source.at(node, `${entry.id} is given twice; the first is used`));
    } else {
      endpoints.set(entry.id, entry);
    }
  }
  if (endpoints.size === 0 && problems.length > 0) return { endpoints: undefined, problems };
  return { endpoints: [...endpoints.values()].sort((a, b) => (a.id < b.id ? -1 : 1)), problems };
}

/** What an alias (`*name`) stands for; undefined if and only if there is no such anchor. */
function resolve(node: unknown, source: YamlText): unknown {
  return isAlias(node) ? node.resolve(source.document) : node;
}

function readEntry(
  place: Node,
  node: unknown,
  source: YamlText,
): ToldEndpoint | { readonly problems: readonly Problem[] } {
  const value = valueOf(node, source);
  if (typeof value === 'string') {
    const at = parseHostAndPort(value);
    if (at === undefined) return { problems: [source.at(place, shortFormFault(value))] };
    return endpointOf(at.address, at.port, WEIGHT_DEFAULT, undefined);
  }
  const parsed = ENTRY.safeParse(value);
  if (!parsed.success) {
    if (value === undefined || !isMap<unknown, Node>(node))
      return { problems: [source.at(place, `not an endpoint: ${FORM}`)] };
    return {
      problems: parsed.error.issues.map((issue) => {
        const [field] = issue.path;
        const blamed = typeof field === 'string' ? node.get(field, true) : undefined;
        const prefix = issue.path.length === 0 ? '' : `${issue.path.map(String).join('.')}: `;
        return source.at(blamed ?? node, `${prefix}${issue.message}`);
      }),
    };
  }
  const { address: addressText, port: portText, weight, tags } = parsed.data;
  const address = parseHost(addressText);
  const port = parsePort(portText);
  if (address !== undefined && port !== undefined) {
    return endpointOf(address, port, weight ?? WEIGHT_DEFAULT, tags);
  }
  const blame = (field: string): Node => {
    return (isMap<unknown, Node>(node) ? node.get(field, true) : undefined) ?? place;
  };
  const problems: Problem[] = [];
  if (address === undefined) problems.push(source.at(blame('address'), addressFault(addressText)));
  if (port === undefined) problems.push(source.at(blame('port'), portFault(String(portText))));
  return { problems };
}

/** The plain value of a node; undefined where an alias within it stands for nothing, or for far too much. */
function valueOf(node: unknown, source: YamlText): unknown {
  try {
    return isNode(node) ? node.toJS(source.document) : undefined;
  } catch (error) {
    if (error instanceof ReferenceError) return undefined;
    throw error;
  }
}

function endpointOf(
  address: IpAddress | HostName,
  port: Port,
  weight: number,
  tags: readonly string[] | undefined,
): ToldEndpoint {
  return { id: endpointId(formatSocketAddress({ address, port })), address, port, weight, tags };
}

function shortFormFault(text: string): string {
  const parts = /^(.*):([^:]*)$/.exec(text);
  if (parts === null) return `'${text}' is not an endpoint: ${FORM}`;
  const host = (parts[1] ?? '').replace(/^\[(.*)\]$/, '$1');
  if (parseHost(host) === undefined) return addressFault(host);
  if (parsePort(parts[2] ?? '') === undefined) return portFault(parts[2] ?? '');
  return `'${text}' is not an endpoint: an IPv6 address stands in brackets, quoted: "[fd00::1]:80"`;
}

function addressFault(text: string): string {
  return `'${text}' is neither an IP address nor a host name`;
}

function portFault(text: string): string {
  return `'${text}' is not a port from 1 to 65535`;
}
