import { z } from 'zod';

/** The documents of the admin API, as ports/admin.ts describes them; the OpenAPI page is made of these. */

const count = z.int().min(0);

const binding = z.strictObject({
  id: z.string(),
  consumer: z.string(),
  consumerId: z.string(),
  address: z.string(),
  port: count,
  protocol: z.string(),
  service: z.string(),
  descriptor: z.string(),
  place: z.string(),
  state: z.enum(['unknown', 'empty', 'panic', 'ready']),
  endpoints: count,
  ready: count,
  open: count,
  carrier: z.enum(['userspace', 'nftables']),
  carrierReason: z.string().nullable(),
  sourceReason: z.string().nullable(),
});

const service = z.strictObject({
  service: z.string(),
  discovery: z.string(),
  status: z.enum(['pending', 'answering', 'unreachable', 'forbidden']),
  reason: z.string().nullable(),
  revision: z.string().nullable(),
  answeredMsAgo: count.nullable(),
  endpoints: count.nullable(),
  suspected: count,
});

const endpoint = z.strictObject({
  endpoint: z.string(),
  id: z.string(),
  service: z.string(),
  pool: z.string(),
  weight: count,
  tags: z.array(z.string()).readonly().nullable(),
  state: z.enum(['ready', 'draining', 'ejected']),
  reason: z.string().nullable(),
  open: count,
  // A daemon of before did not tell it.
  carried: count.nullable().default(null),
});

const connection = z.strictObject({
  consumer: z.string(),
  source: z.string(),
  port: count.nullable(),
  service: z.string().nullable(),
  endpoint: z.string().nullable(),
  stage: z.enum(['waiting', 'dialling', 'relaying']),
  ageMs: count,
});

const event = z.strictObject({
  sequence: count,
  atMs: z.number(),
  level: z.enum(['info', 'warn', 'error']),
  message: z.string(),
});

const decision = z.strictObject({
  atMs: z.number(),
  source: z.string(),
  port: count.nullable(),
  service: z.string().nullable(),
  endpoint: z.string().nullable(),
  refused: z.string().nullable(),
  attempts: z
    .array(z.strictObject({ endpoint: z.string(), tookMs: z.number(), error: z.string().nullable() }))
    .readonly(),
});

/** Every document by its name; lists are wrapped, so that fields can be added beside them. */
export const DOCUMENTS = {
  version: z.strictObject({ version: z.string() }),
  readiness: z.strictObject({ ready: z.boolean(), waitingFor: z.array(z.string()).readonly() }),
  bindings: z.strictObject({ bindings: z.array(binding).readonly() }),
  services: z.strictObject({ services: z.array(service).readonly() }),
  endpoints: z.strictObject({ endpoints: z.array(endpoint).readonly() }),
  connections: z.strictObject({ connections: z.array(connection).readonly() }),
  events: z.strictObject({ events: z.array(event).readonly() }),
  explanation: z.strictObject({
    found: z.enum(['binding', 'no binding', 'no consumer']),
    words: z.array(z.string()).readonly(),
    bindings: z.array(binding).readonly(),
    services: z.array(service).readonly(),
    endpoints: z.array(endpoint).readonly(),
    decisions: z.array(decision).readonly(),
  }),
  done: z.strictObject({ done: z.boolean() }),
  problem: z.strictObject({ problem: z.string() }),
} as const;

/** The name of a document. */
export type DocumentName = keyof typeof DOCUMENTS;

/** A document by its name. */
export type DocumentOf<N extends DocumentName> = z.infer<(typeof DOCUMENTS)[N]>;
