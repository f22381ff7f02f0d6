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

/** What is of another shape is as good as left out: then the event may be about any app. */
const hint = <T extends z.ZodType>(schema: T): z.ZodCatch<z.ZodOptional<z.ZodNullable<T>>> =>
  schema.nullish().catch(undefined);

/** A step of a deployment: one app before 0.11 or so, several actions since. */
const step = z.looseObject({
  app: maybe(text),
  actions: maybe(z.array(z.looseObject({ app: maybe(text) }))),
});

/** An event, as far as it says which app to ask for again; the rest is never believed. */
const event = z.looseObject({
  eventType: text,
  appId: maybe(text),
  runSpecId: maybe(text),
  taskId: maybe(text),
  taskStatus: maybe(text),
  appDefinition: hint(z.looseObject({ id: text })),
  groupId: hint(text),
  plan: hint(z.looseObject({ steps: z.array(step) })),
  currentStep: hint(step),
});

/** Which apps may be other than before. */
export type EventSubject =
  | { readonly kind: 'apps'; readonly apps: readonly string[] }
  /** All whose id begins with it. */
  | { readonly kind: 'group'; readonly group: string }
  /** Any: the event does not say. */
  | { readonly kind: 'anything' }
  /** None that is known of, such as who follows the stream. */
  | { readonly kind: 'nothing' };

/** What an event says. */
export interface MarathonEvent {
  readonly about: EventSubject;
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
  const { eventType, taskId, taskStatus } = parsed.data;
  const hasEnded = eventType === 'status_update_event' && ENDED.has(taskStatus ?? '');
  return { about: subjectOf(parsed.data), ended: hasEnded ? (taskId ?? undefined) : undefined };
}

function subjectOf(data: z.infer<typeof event>): EventSubject {
  const { eventType, appId, runSpecId, appDefinition, groupId, plan, currentStep } = data;
  const app = appId ?? runSpecId ?? appDefinition?.id;
  if (app !== undefined) return { kind: 'apps', apps: [absolute(app)] };
  const current = appsOf(currentStep ? [currentStep] : []);
  const apps = current.length > 0 ? current : appsOf(plan?.steps ?? []);
  if (apps.length > 0) return { kind: 'apps', apps };
  if (groupId !== undefined && groupId !== null && absolute(groupId) !== '/') {
    return { kind: 'group', group: absolute(groupId) };
  }
  const isVague = /^(deployment|group_change|app_terminated)/.test(eventType);
  return { kind: isVague ? 'anything' : 'nothing' };
}

function appsOf(steps: readonly z.infer<typeof step>[]): readonly string[] {
  const apps = steps.flatMap(({ app, actions }) => [app, ...(actions ?? []).map((action) => action.app)]);
  return [...new Set(apps.flatMap((app) => (app === undefined || app === null ? [] : [absolute(app)])))];
}

function absolute(id: string): string {
  return id.startsWith('/') ? id : `/${id}`;
}
