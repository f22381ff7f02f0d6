import { z } from 'zod';
import { parseHost, parseHostAndPort, parsePort } from './address.ts';
import { endpointId, WEIGHT_DEFAULT, WEIGHT_MAX } from './endpoint.ts';
import type { ToldEndpoint } from './endpoint.ts';
import type { Problem, Result } from './result.ts';

/** Characters of one document; those of the wild have a few hundred, an environment included. */
const DOCUMENT_LENGTH_MAX = 64 * 1024;

const PORT = z.union([z.number(), z.string()]);

/** What the JSON layouts have in common. */
const COMMON = {
  tags: z.array(z.string()).nullish(),
  weight: z.int().min(0).max(WEIGHT_MAX).nullish(),
};

/** The original embassy layout; `host` is then the name of the machine and not asked for. */
const EMBASSY = z.object({
  ...COMMON,
  ipaddress: z.string(),
  host_port: PORT.nullish(),
  port: PORT.nullish(),
});

/** The SmartStack layout, as nerve writes it. */
const SMARTSTACK = z.object({ ...COMMON, host: z.string(), port: PORT });

const LAYOUTS = "'address:port', or JSON with ipaddress and host_port or port, or with host and port";

/** A problem before its place is known. */
type Fault = Omit<Problem, 'place'>;

/** What a JSON layout says, before its values are checked. */
interface Fields {
  readonly address: string;
  readonly addressField: string;
  readonly port: string | number;
  readonly portField: string;
  readonly weight: number | null | undefined;
  readonly tags: readonly string[] | null | undefined;
}

/**
 * Reads what a key of a service holds: one endpoint in the original embassy layout, in registrator's
 * (`address:port`) or in SmartStack's.
 *
 * @param key - Becomes the endpoint's identity.
 * @param value - The document; never repeated in a problem, since it may hold an environment with secrets.
 * @param place - Names the document in the problems.
 *
 * Pure.
 *
 * @see AirBnB nerve, lib/nerve/reporter/etcd.rb; gliderlabs registrator, etcd/etcd.go.
 */
export function parseDocument(
  value: string,
  options: { readonly key: string; readonly place: string },
): Result<ToldEndpoint> {
  const { key, place } = options;
  const fail = (...faults: readonly Fault[]): Result<ToldEndpoint> => {
    return { ok: false, problems: faults.map((fault) => ({ place, ...fault })) };
  };
  if (value.length > DOCUMENT_LENGTH_MAX) {
    return fail({ message: `longer than ${DOCUMENT_LENGTH_MAX} characters` });
  }
  const text = value.trim();
  const id = endpointId(key);
  if (!text.startsWith('{')) {
    const at = parseHostAndPort(text);
    if (at === undefined) return fail({ message: plainFault(text) });
    return { ok: true, value: { id, ...at, weight: WEIGHT_DEFAULT, tags: undefined } };
  }

  const json = parseJson(text);
  if (!json.ok) return fail(json.problem);
  const read = readFields(json.value);
  if ('issues' in read) {
    return fail(...read.issues.map(({ path, message }) => ({ message: `${path.join('.')}: ${message}` })));
  }
  if ('message' in read) return fail(read);
  const address = parseHost(read.address);
  const port = parsePort(read.port);
  if (address === undefined || port === undefined) {
    const faults: Fault[] = [];
    if (address === undefined) {
      faults.push({ message: `${read.addressField}: ${addressFault(read.address)}` });
    }
    if (port === undefined) faults.push({ message: `${read.portField}: ${portFault(String(read.port))}` });
    return fail(...faults);
  }
  const tags = read.tags ?? undefined;
  return { ok: true, value: { id, address, port, weight: read.weight ?? WEIGHT_DEFAULT, tags } };
}

function readFields(
  json: unknown,
): Fields | { readonly issues: readonly z.core.$ZodIssue[] } | { readonly message: string } {
  if (typeof json !== 'object' || json === null) return { message: `not an endpoint (${LAYOUTS})` };
  if ('ipaddress' in json) {
    const parsed = EMBASSY.safeParse(json);
    if (!parsed.success) return { issues: parsed.error.issues };
    const { ipaddress, host_port: hostPort, port, weight, tags } = parsed.data;
    // The original wrote an empty host_port for a container without a published port.
    const usesHostPort = hostPort !== undefined && hostPort !== null && hostPort !== '';
    const used = usesHostPort ? hostPort : port;
    if (used === undefined || used === null) return { message: "neither 'host_port' nor 'port' is given" };
    const portField = usesHostPort ? 'host_port' : 'port';
    return { address: ipaddress, addressField: 'ipaddress', port: used, portField, weight, tags };
  }
  if (!('host' in json)) return { message: `neither 'ipaddress' nor 'host' is given (${LAYOUTS})` };
  const parsed = SMARTSTACK.safeParse(json);
  if (!parsed.success) return { issues: parsed.error.issues };
  const { host, port, weight, tags } = parsed.data;
  return { address: host, addressField: 'host', port, portField: 'port', weight, tags };
}

function parseJson(
  text: string,
): { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly problem: Fault } {
  try {
    return { ok: true, value: JSON.parse(text) as unknown };
  } catch (error) {
    // The engine's own message repeats a part of the text.
    const position = /at position (\d+)/.exec(error instanceof Error ? error.message : '')?.[1];
    const column = position === undefined ? {} : { column: Number(position) + 1 };
    return { ok: false, problem: { ...column, message: 'is not valid JSON' } };
  }
}

function plainFault(text: string): string {
  if (text === '') return 'the document is empty';
  const port = /^(?:[\w.-]+|\[[\dA-Fa-f:.]+\]):(\d+)$/.exec(text)?.[1];
  if (port !== undefined && parsePort(port) === undefined) return portFault(port);
  return `not an endpoint (${LAYOUTS})`;
}

function portFault(text: string): string {
  return `'${text.slice(0, 40)}' is not a port from 1 to 65535`;
}

function addressFault(text: string): string {
  return `'${text.slice(0, 80)}' is neither an IP address nor the name of a host`;
}
