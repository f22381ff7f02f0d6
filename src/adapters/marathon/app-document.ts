import { z } from 'zod';

/** The most tasks of one app that are read. */
const TASKS_MAX = 10_000;

const port = z.number();
const text = z.string();

/** Absent, null, or there; every version of Marathon leaves out something else. */
const maybe = <T extends z.ZodType>(schema: T): z.ZodOptional<z.ZodNullable<T>> => schema.nullish();

const mapping = z.looseObject({
  containerPort: maybe(port),
  hostPort: maybe(port),
  protocol: maybe(text),
});

const definition = z.looseObject({ port: maybe(port), protocol: maybe(text) });

const healthResult = z.looseObject({ alive: maybe(z.boolean()) });

const task = z.looseObject({
  id: text,
  host: maybe(text),
  ports: maybe(z.array(port)),
  state: maybe(text),
  startedAt: maybe(text),
  ipAddresses: maybe(z.array(z.looseObject({ ipAddress: maybe(text) }))),
  healthCheckResults: maybe(z.array(healthResult.nullable())),
});

const app = z.looseObject({
  id: text,
  instances: maybe(z.number()),
  labels: maybe(z.record(text, text)),
  ports: maybe(z.array(port)),
  portDefinitions: maybe(z.array(definition)),
  networks: maybe(z.array(z.looseObject({ mode: maybe(text) }))),
  ipAddress: maybe(
    z.looseObject({
      discovery: maybe(
        z.looseObject({ ports: maybe(z.array(z.looseObject({ number: port, protocol: maybe(text) }))) }),
      ),
    }),
  ),
  container: maybe(
    z.looseObject({
      portMappings: maybe(z.array(mapping)),
      docker: maybe(z.looseObject({ network: maybe(text), portMappings: maybe(z.array(mapping)) })),
    }),
  ),
  healthChecks: maybe(z.array(z.looseObject({}))),
  deployments: maybe(z.array(z.looseObject({}))),
  tasks: maybe(z.array(task).max(TASKS_MAX)),
});

/** An app with its tasks, as any version of Marathon writes it. */
export type AppDocument = z.infer<typeof app>;

/** A task of an app. */
export type TaskDocument = z.infer<typeof task>;

const answer = z.looseObject({ app });

const tasksAnswer = z.looseObject({ tasks: z.array(task).max(TASKS_MAX) });

/** An event, as far as it says which app to ask for again; the rest is never believed. */
const event = z.looseObject({
  eventType: text,
  appId: maybe(text),
  runSpecId: maybe(text),
  taskId: maybe(text),
  taskStatus: maybe(text),
  appDefinition: maybe(z.looseObject({ id: text })),
});

/** What an event is about. */
export interface MarathonEvent {
  readonly type: string;
  /** Undefined where it may be about any app. */
  readonly app: string | undefined;
  /** A task that has ended, as the event says. */
  readonly ended: string | undefined;
}

/** States of which no task comes back. @see Mesos, TaskState. */
const ENDED: ReadonlySet<string> = new Set(
  ['FINISHED', 'FAILED', 'KILLED', 'ERROR', 'DROPPED', 'GONE', 'GONE_BY_OPERATOR'].map(
    (state) => `TASK_${state}`,
  ),
);

/** Reads the answer of `/v2/apps/ID?embed=app.tasks`; undefined when it has another shape. Pure. */
export function parseApp(json: unknown): AppDocument | undefined {
  const parsed = answer.safeParse(json);
  return parsed.success ? parsed.data.app : undefined;
}

/** Reads the answer of `/v2/apps/ID/tasks`. Pure. */
export function parseTasks(json: unknown): readonly TaskDocument[] | undefined {
  const parsed = tasksAnswer.safeParse(json);
  return parsed.success ? parsed.data.tasks : undefined;
}

/** Reads the data of an event; undefined when it is none. Pure. */
export function parseEvent(data: string): MarathonEvent | undefined {
  let json: unknown;
  try {
    json = JSON.parse(data);
  } catch {
    return undefined;
  }
  const parsed = event.safeParse(json);
  if (!parsed.success) return undefined;
  const { eventType, appId, runSpecId, taskId, taskStatus, appDefinition } = parsed.data;
  const hasEnded = eventType === 'status_update_event' && ENDED.has(taskStatus ?? '');
  return {
    type: eventType,
    app: appId ?? runSpecId ?? appDefinition?.id,
    ended: hasEnded ? (taskId ?? undefined) : undefined,
  };
}
