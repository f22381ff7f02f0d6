import type { AppDocument, TaskDocument } from '../../src/adapters/marathon/app-document.ts';

/** Versions that differ in what they tell. */
export type MarathonVersion = (typeof MARATHON_VERSIONS)[number];

/** How a version tells of changes. */
export type EventWay = 'stream' | 'callback' | 'none';

/** What a version is like. */
interface VersionTraits {
  readonly way: EventWay;
  /** Whether a master that does not lead redirects, rather than passing questions on. */
  readonly redirects: boolean;
  /** Whether the end of a deployment is told with its plan. */
  readonly hasPlan: boolean;
  readonly hasPortDefinitions: boolean;
  readonly hasIpAddresses: boolean;
  /** Whether tasks have a state; before, only those that were launched are listed. */
  readonly hasState: boolean;
  /** Whether a task that does not run lacks its ports and instants. */
  readonly isSparse: boolean;
}

/** From the oldest to the newest. */
export const MARATHON_VERSIONS = ['0.8', '0.11', '0.14', '1.1', '1.3', '1.4', '1.5', '1.8'] as const;

/** States that a version without states does not list. */
const UNLISTED = /^TASK_(?!RUNNING|STAGING|STARTING)/;

/** Tells what a version is like. Pure. */
export function traitsOf(version: MarathonVersion): VersionTraits {
  const at = (first: MarathonVersion): boolean =>
    MARATHON_VERSIONS.indexOf(version) >= MARATHON_VERSIONS.indexOf(first);
  return {
    way: at('0.11') ? 'stream' : 'callback',
    redirects: at('1.8'),
    hasPlan: at('0.11'),
    hasPortDefinitions: at('1.1'),
    hasIpAddresses: at('0.14'),
    hasState: at('1.3'),
    isSparse: at('1.4'),
  };
}

/** Writes an app, given as the newest version has it, as another version would. Pure. */
export function writeApp(app: AppDocument, version: MarathonVersion): AppDocument {
  const traits = traitsOf(version);
  const { portDefinitions, tasks, ...rest } = app;
  const ports = portDefinitions?.map(({ port }) => port ?? 0);
  return {
    ...rest,
    ...(traits.hasPortDefinitions ? { portDefinitions } : ports && { ports }),
    tasks: tasks?.flatMap((task) => writeTask(task, traits)),
  };
}

function writeTask(task: TaskDocument, traits: VersionTraits): readonly TaskDocument[] {
  const { state, ports, startedAt, ipAddresses, ...rest } = task;
  if (!traits.hasState && UNLISTED.test(state ?? '')) return [];
  const isActive = (state ?? 'TASK_RUNNING') === 'TASK_RUNNING';
  const launched = traits.isSparse && !isActive ? {} : { ports, startedAt: startedAt ?? null };
  return [
    {
      ...rest,
      ...launched,
      ...(traits.hasIpAddresses && ipAddresses ? { ipAddresses } : {}),
      ...(traits.hasState ? { state } : {}),
    },
  ];
}
