import { parseHost, parsePort } from '../../domain/address.ts';
import { endpointId, WEIGHT_DEFAULT } from '../../domain/endpoint.ts';
import { printable } from '../../domain/printable.ts';
import { taskAddress } from './task-address.ts';
import type { EndpointId, ToldEndpoint } from '../../domain/endpoint.ts';
import type { Problem } from '../../domain/result.ts';
import type { AppDocument, TaskDocument } from './app-document.ts';

/** States in which a task serves; a document without a state is of a version that lists only such. */
const SERVING: ReadonlySet<string> = new Set(['TASK_RUNNING', 'TASK_LOST', 'TASK_UNREACHABLE']);

/** What an app's document says of one of its ports. */
export interface AppView {
  /** Those that serve, sorted by id. */
  readonly endpoints: readonly ToldEndpoint[];
  /** Tasks that are listed and do not serve: explicit evidence that their endpoints are gone. */
  readonly gone: ReadonlySet<EndpointId>;
  /**
   * Whether as many tasks serve as the app is to have, each of them known to or not: then nothing is missing
   * from the list by mistake.
   */
  readonly isComplete: boolean;
  readonly problems: readonly Problem[];
}

/**
 * Reads who serves a container port of an app.
 *
 * A task whose health check fails is gone; one of an app with checks that has no result yet serves if it was
 * seen alive before, since results vanish for a while when another master leads [P18]. A task that nobody saw
 * alive waits for its first result, unless no task of the app has any and nothing is being deployed: then
 * they were lost for all.
 *
 * @param wasAlive - Whether a task was seen serving before.
 * @param source - Names the discovery in problems.
 *
 * Pure.
 */
export function viewOf(
  app: AppDocument,
  port: number,
  options: { readonly wasAlive: (task: EndpointId) => boolean; readonly source: string },
): AppView {
  const tasks = app.tasks ?? [];
  const hasChecks = (app.healthChecks?.length ?? 0) > 0;
  const areAllLost =
    tasks.every((task) => healthOf(task) === undefined) && (app.deployments?.length ?? 0) === 0;
  const tags = tagsOf(app);
  const gone = new Set<EndpointId>();
  const problems: Problem[] = [];
  const endpoints: ToldEndpoint[] = [];
  for (const task of tasks) {
    const id = endpointId(task.id);
    const state = task.state ?? 'TASK_RUNNING';
    const health = hasChecks ? (healthOf(task) ?? (options.wasAlive(id) || areAllLost)) : true;
    const isKnownIll = hasChecks && healthOf(task) === false;
    if (!SERVING.has(state) || isKnownIll) gone.add(id);
    if (!SERVING.has(state) || !health) continue;
    const at = taskAddress(app, task, port);
    if (at === undefined) continue;
    const place = `${options.source} task ${printable(task.id)}`;
    const [host, number] = [parseHost(at.host), parsePort(at.port)];
    if (host === undefined) {
      problems.push({ place, message: `'${printable(at.host)}' is neither an address nor a host name` });
    } else if (number === undefined) {
      problems.push({ place, message: `'${at.port}' is not a port from 1 to 65535` });
    } else {
      endpoints.push({ id, address: host, port: number, weight: WEIGHT_DEFAULT, tags });
    }
  }
  const serving = tasks.filter(({ state }) => SERVING.has(state ?? 'TASK_RUNNING')).length;
  const ill = tasks.filter(({ id, state }) => {
    return SERVING.has(state ?? 'TASK_RUNNING') && gone.has(endpointId(id));
  }).length;
  endpoints.sort((a, b) => (a.id < b.id ? -1 : 1));
  const isComplete = serving >= (app.instances ?? Infinity) && endpoints.length + ill === serving;
  return { endpoints, gone, isComplete, problems };
}

/** Whether a task is well: undefined while no check has a result. A null among the results is none. */
function healthOf({ healthCheckResults }: TaskDocument): boolean | undefined {
  const results = (healthCheckResults ?? []).flatMap((result) => result?.alive ?? []);
  return results.length === 0 ? undefined : results.every((alive) => alive);
}

/** Labels as `key` and `key:value`, so that either can be asked for [C1]. */
function tagsOf({ labels }: AppDocument): readonly string[] {
  return Object.entries(labels ?? {})
    .flatMap(([key, value]) => (value === '' ? [key] : [key, `${key}:${value}`]))
    .sort();
}
