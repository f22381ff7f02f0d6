import { z } from 'zod';
import { ConsulError } from './consul-client.ts';
import type { Evidence } from '../../ports/discovery.ts';
import type { ConsulCalls, ConsulReply } from './consul-calls.ts';
import type { ConsulClaim } from './consul-client.ts';

/** How many claims Consul takes at once. @see Consul, agent/acl_endpoint.go, maxRequests. */
const CLAIMS_MAX = 64;

/** The service that Consul's servers register themselves: a store with nothing else holds nothing. */
const OWN_SERVICE = 'consul';

const RIGHTS = z.array(z.object({ Resource: z.string(), Segment: z.string(), Allow: z.boolean() }));

const SERVICES = z.record(z.string(), z.unknown());

/**
 * Tells how much it proves that a `consistent` read lacks something [C7]: a token without rights sees an
 * empty list like any other [P13], and a store that lost its data answers in good faith.
 *
 * @param doubt - `nodes`: the nodes of the instances that are missing. `isEmpty`: nothing is listed at all.
 * @returns `authoritative` if the rights to see the missing were proven and the store holds something.
 * @throws {ConsulError} `forbidden`: the token has no such rights; else as the calls.
 */
export async function judge(
  calls: ConsulCalls,
  doubt: { readonly service: string; readonly nodes: readonly string[]; readonly isEmpty: boolean },
  options: { readonly signal: AbortSignal },
): Promise<Evidence> {
  if (!(await hasRights(calls, doubt, options))) return 'hearsay';
  if (doubt.isEmpty && (await isStoreEmpty(calls, options))) return 'hearsay';
  return 'authoritative';
}

/** @returns Whether the rights are proven; false when nobody can say. */
async function hasRights(
  calls: ConsulCalls,
  doubt: { readonly service: string; readonly nodes: readonly string[] },
  options: { readonly signal: AbortSignal },
): Promise<boolean> {
  const claims: ConsulClaim[] = [
    { resource: 'service', segment: doubt.service },
    ...doubt.nodes.map((segment) => ({ resource: 'node' as const, segment })),
  ];
  for (let start = 0; start < claims.length; start += CLAIMS_MAX) {
    const part = claims.slice(start, start + CLAIMS_MAX);
    const reply = await askRights(calls, part, options);
    if (typeof reply === 'boolean') return reply;
    const rights = RIGHTS.safeParse(reply.body);
    if (!rights.success || rights.data.length !== part.length) return false;
    const denied = rights.data.find(({ Allow: isAllowed }) => !isAllowed);
    if (denied !== undefined) throw forbidden(reply.server, denied.Resource, denied.Segment);
  }
  return true;
}

/** @returns The answer; true where no rights are checked, false where nobody tells. */
async function askRights(
  calls: ConsulCalls,
  claims: readonly ConsulClaim[],
  options: { readonly signal: AbortSignal },
): Promise<ConsulReply | boolean> {
  try {
    return await calls.read({ kind: 'rights', claims }, options);
  } catch (error) {
    if (error instanceof ConsulError && error.code === 'acl-disabled') return true;
    if (isUntold(error)) return false;
    throw error;
  }
}

/** Whoever may read may ask the rest, too: an older server, or a proxy that lets only some reads by. */
function isUntold(error: unknown): boolean {
  return error instanceof ConsulError && (error.code === 'unknown-path' || error.code === 'forbidden');
}

/** The error of an answer from which rights took something away. Pure. */
export function forbidden(server: string, resource: string, segment: string): ConsulError {
  const missing = `${resource}:read on "${segment}"`;
  return new ConsulError(
    'forbidden',
    `Consul at ${server} rejected the question for want of ${missing}, and shows an empty list; ` +
      'give the token a policy with that right (services are seen with service:read and node:read)',
  );
}

async function isStoreEmpty(calls: ConsulCalls, options: { readonly signal: AbortSignal }): Promise<boolean> {
  try {
    const reply = await calls.read({ kind: 'services', consistency: 'consistent' }, options);
    const services = SERVICES.safeParse(reply.body);
    return !services.success || Object.keys(services.data).every((name) => name === OWN_SERVICE);
  } catch (error) {
    if (isUntold(error)) return true;
    throw error;
  }
}
