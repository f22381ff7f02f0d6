import { z } from 'zod';
import { parseHost, parsePort } from '../../domain/address.ts';
import { WEIGHT_MAX, endpointId } from '../../domain/endpoint.ts';
import { parseServiceName } from '../../domain/service-name.ts';
import type { ToldEndpoint } from '../../domain/endpoint.ts';
import type { RememberedService } from '../../ports/snapshot-store.ts';

/** The version of the form; another one is not read. */
const FORM = 'embassy endpoints 1';

const ENDPOINT = z.strictObject({
  id: z.string(),
  address: z.string(),
  port: z.int(),
  weight: z.int().min(0).max(WEIGHT_MAX),
  tags: z.array(z.string()).optional(),
});

const SERVICE = z.strictObject({
  discovery: z.string(),
  service: z.string(),
  knownAtMs: z.int().min(0),
  endpoints: z.array(ENDPOINT),
});

const DOCUMENT = z.strictObject({ form: z.string(), sha256: z.string(), services: z.array(SERVICE) });

/** What a text holds, or why nothing of it is used. */
export type ParsedState =
  | { readonly ok: true; readonly value: readonly RememberedService[] }
  | { readonly ok: false; readonly reason: string };

/**
 * Writes services as a document that tells by itself whether it is whole.
 *
 * @param digest - The SHA-256 of a text.
 *
 * Pure. The checksum is over the JSON text of `services`, as it stands in the document.
 */
export function formatState(
  services: readonly RememberedService[],
  digest: (text: string) => string,
): string {
  const body = JSON.stringify(services);
  return `{"form":${JSON.stringify(FORM)},"sha256":"${digest(body)}","services":${body}}\n`;
}

/**
 * Reads what {@link formatState} wrote.
 *
 * @returns Every service, or the reason why the text is not what was written: all or nothing.
 *
 * Pure; total.
 */
export function parseState(text: string, digest: (text: string) => string): ParsedState {
  const read = DOCUMENT.safeParse(jsonOf(text));
  if (!read.success) return { ok: false, reason: 'it is not a whole document of embassy' };
  const { form, sha256, services } = read.data;
  if (form !== FORM) return { ok: false, reason: `it is of another version ('${form}')` };
  const body = /^\{"form":"[^"]*","sha256":"[^"]*","services":(.*)\}\n$/s.exec(text)?.[1];
  if (body === undefined || digest(body) !== sha256)
    return { ok: false, reason: 'its checksum does not fit' };
  const value = services.map(rememberedOf);
  if (value.includes(undefined)) return { ok: false, reason: 'it holds what is no service or endpoint' };
  return { ok: true, value: value.filter((service) => service !== undefined) };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function rememberedOf(read: z.infer<typeof SERVICE>): RememberedService | undefined {
  const service = parseServiceName(read.service);
  const endpoints = read.endpoints.map(endpointOf);
  if (!service.ok || endpoints.includes(undefined)) return undefined;
  return {
    discovery: read.discovery,
    service: service.value,
    endpoints: endpoints.filter((endpoint) => endpoint !== undefined),
    knownAtMs: read.knownAtMs,
  };
}

function endpointOf(read: z.infer<typeof ENDPOINT>): ToldEndpoint | undefined {
  const address = parseHost(read.address);
  const port = parsePort(read.port);
  if (address === undefined || port === undefined) return undefined;
  return { id: endpointId(read.id), address, port, weight: read.weight, tags: read.tags };
}
