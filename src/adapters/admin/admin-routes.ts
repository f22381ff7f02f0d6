import { z } from 'zod';
import type { AdminControls, AdminView } from '../../ports/admin.ts';
import type { DocumentName, DocumentOf } from '../../ports/admin-documents.ts';

/** The most connections told at once, and how many unless asked otherwise. */
const CONNECTIONS_MAX = 10_000;
const CONNECTIONS_DEFAULT = 1_000;

/** The parameters of a query, as text. */
export type Query = Readonly<Record<string, unknown>>;

/** An answer: a document with its status. */
export type Answer = {
  [N in DocumentName]: { readonly status: number; readonly name: N; readonly document: DocumentOf<N> };
}[DocumentName];

/** One thing that can be asked, or done. */
export interface AdminRoute {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly summary: string;
  /** What a right answer is. */
  readonly answers: DocumentName;
  readonly query: z.ZodObject | undefined;
  answer(daemon: AdminView & AdminControls, query: Query): Answer | Promise<Answer>;
}

const port = z.coerce.number().int().min(1).max(65_535);

const explainQuery = z.object({
  consumer: z.string().min(1).max(256),
  port,
  protocol: z.enum(['tcp', 'udp']).default('tcp'),
});

const eventsQuery = z.object({ after: z.coerce.number().int().min(0).default(0) });

const connectionsQuery = z.object({
  limit: z.coerce.number().int().min(1).max(CONNECTIONS_MAX).default(CONNECTIONS_DEFAULT),
});

const endpointQuery = z.object({
  service: z.string().min(1).max(4_096),
  endpoint: z.string().min(1).max(256),
});

const logLevelQuery = z.object({ level: z.enum(['debug', 'info']) });

const DEEDS = {
  eject: 'Leaves an endpoint alone until it is readmitted',
  drain: 'The same, and ends its connections when the endpoint drain is over',
  readmit: 'Takes an endpoint back',
} as const;

/** Everything the API offers, besides metrics and the stream of changes. */
export const ADMIN_ROUTES: readonly AdminRoute[] = [
  {
    ...get('/healthz', 'Whether the process serves at all: an answer is a yes', 'version'),
    answer: (daemon) => ok('version', { version: daemon.version }),
  },
  {
    ...get('/readyz', 'Whether every needed service is known; 503 while one is not', 'readiness'),
    answer: (daemon) => {
      const { ready, waitingFor } = daemon.readiness();
      return { status: ready ? 200 : 503, name: 'readiness', document: { ready, waitingFor } };
    },
  },
  {
    ...get('/v1/version', 'The version of the daemon', 'version'),
    answer: (daemon) => ok('version', { version: daemon.version }),
  },
  {
    ...get('/v1/bindings', 'Who is bound to what, and how it fares', 'bindings'),
    answer: (daemon) => ok('bindings', { bindings: [...daemon.bindings()] }),
  },
  {
    ...get('/v1/services', 'What each discovery knows of each needed service', 'services'),
    answer: (daemon) => ok('services', { services: [...daemon.services()] }),
  },
  {
    ...get('/v1/endpoints', 'Every endpoint of every pool with its state', 'endpoints'),
    answer: async (daemon) => {
      await daemon.refresh();
      return ok('endpoints', { endpoints: [...daemon.endpoints()] });
    },
  },
  {
    ...get('/v1/connections', 'Open connections, oldest first', 'connections', connectionsQuery),
    answer: (daemon, query) =>
      read(connectionsQuery, query, ({ limit }) =>
        ok('connections', { connections: [...daemon.connections(limit)] }),
      ),
  },
  {
    ...get('/v1/events', 'Lines of the log after a sequence number', 'events', eventsQuery),
    answer: (daemon, query) =>
      read(eventsQuery, query, ({ after }) => ok('events', { events: [...daemon.events(after)] })),
  },
  {
    ...get('/v1/explain', 'Why a connection goes where it goes, or why not', 'explanation', explainQuery),
    answer: (daemon, query) =>
      read(explainQuery, query, (asked) => {
        const explanation = daemon.explain(asked.consumer, asked.port, asked.protocol);
        const status = explanation.found === 'no consumer' ? 404 : 200;
        return { status, name: 'explanation', document: explanation };
      }),
  },
  ...(['eject', 'drain', 'readmit'] as const).map((deed): AdminRoute => ({
    method: 'POST',
    path: `/v1/endpoints/${deed}`,
    summary: DEEDS[deed],
    answers: 'done',
    query: endpointQuery,
    answer: (daemon, query) =>
      read(endpointQuery, query, ({ service, endpoint }) => {
        const isThere =
          deed === 'readmit' ? daemon.readmit(service, endpoint) : daemon.sideline(service, endpoint, deed);
        if (isThere) return ok('done', { done: true });
        return refused(404, `no pool of service ${service} has an endpoint ${endpoint}`);
      }),
  })),
  {
    method: 'POST',
    path: '/v1/log-level',
    summary: 'Writes details into the log from now on (debug), or no more (info)',
    answers: 'done',
    query: logLevelQuery,
    answer: (daemon, query) =>
      read(logLevelQuery, query, ({ level }) => {
        daemon.setLogLevel(level);
        return ok('done', { done: true });
      }),
  },
];

/** An answer that says what is wrong. Pure. */
export function refused(status: number, problem: string): Answer {
  return { status, name: 'problem', document: { problem } };
}

function get(
  path: string,
  summary: string,
  answers: DocumentName,
  query?: z.ZodObject,
): Omit<AdminRoute, 'answer'> {
  return { method: 'GET', path, summary, answers, query };
}

function ok<N extends DocumentName>(name: N, document: DocumentOf<N>): Answer {
  return { status: 200, name, document } as Answer;
}

/** Answers what can be read, and says by name what cannot. */
function read<T>(schema: z.ZodType<T>, query: unknown, answer: (asked: T) => Answer): Answer {
  const parsed = schema.safeParse(query);
  if (parsed.success) return answer(parsed.data);
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  return refused(400, problems.join('; '));
}
