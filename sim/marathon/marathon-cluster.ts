import { traitsOf, writeApp } from './version-traits.ts';
import type { AppDocument, TaskDocument } from '../../src/adapters/marathon/app-document.ts';
import type { EventWay, MarathonVersion } from './version-traits.ts';

/** What a cluster is like. */
export interface ClusterOptions {
  readonly masters?: number;
  readonly version?: MarathonVersion;
  /** How it tells of changes; by its version unless given. */
  readonly way?: EventWay;
  /** Whether a master that does not lead redirects questions, or passes them on itself; as `way`. */
  readonly redirects?: boolean;
}

/** How a master answers: `html` is a proxy in front of it, `silent` takes questions and says nothing. */
export type MasterHealth = 'up' | 'down' | 'silent' | 'html' | 'error';

/** Hears events: the data of one, or undefined for a sign of life. */
export type Hearer = (data: string | undefined) => void;

/**
 * A Marathon cluster without I/O: apps with tasks, masters of which one leads, and what they tell. Changes
 * are events to whoever hears them, in the order made unless a test withholds them.
 */
export class MarathonCluster {
  readonly version: MarathonVersion;
  readonly way: EventWay;
  readonly redirects: boolean;
  readonly masters: { health: MasterHealth }[];
  /** Posted to with each event; by URL, in the order they subscribed. */
  readonly subscriptions = new Set<string>();
  leader = 0;
  /** Whether results of health checks are known; after an election they are not, for a while [P18]. */
  knowsHealth = true;
  /** Whether questions are refused for want of rights. */
  isForbidden = false;
  /** Whether events reach nobody. */
  losesEvents = false;
  readonly #apps = new Map<string, AppDocument>();
  readonly #hearers = new Map<Hearer, number>();
  #held: string[] | undefined;
  #post: (url: string, data: string) => void = () => undefined;

  constructor(options: ClusterOptions = {}) {
    this.version = options.version ?? '1.8';
    const { way, redirects } = traitsOf(this.version);
    this.way = options.way ?? way;
    this.redirects = options.redirects ?? redirects;
    this.masters = Array.from({ length: options.masters ?? 1 }, () => ({ health: 'up' }));
  }

  /** The count of open streams. */
  get streams(): number {
    return this.#hearers.size;
  }

  /** An app as a master tells it now; undefined when there is none. */
  app(id: string): AppDocument | undefined {
    const app = this.#apps.get(id);
    if (app === undefined) return undefined;
    const tasks = app.tasks?.map((task) => ({ ...task, healthCheckResults: null }));
    return writeApp(this.knowsHealth ? app : { ...app, tasks }, this.version);
  }

  /** Deploys an app, or changes it. */
  deploy(app: AppDocument): void {
    this.#apps.set(app.id, app);
    this.#tell({ eventType: 'api_post_event', uri: '/v2/apps', appDefinition: { id: app.id } });
    this.announce([app.id]);
  }

  /** Tells of the end of a deployment of these apps, in the shape of the version. */
  announce(apps: readonly string[]): void {
    const actions = apps.map((app) => ({ action: 'ScaleApplication', app }));
    const plan = traitsOf(this.version).hasPlan ? { plan: { id: 'd1', steps: [{ actions }] } } : {};
    this.#tell({ eventType: 'deployment_success', id: 'd1', ...plan });
  }

  /** Tells that a group changed. */
  announceGroup(group: string): void {
    this.#tell({ eventType: 'group_change_success', groupId: group });
  }

  /** Tells that a task ended, which it may or may not have. */
  claimEnded(id: string, task: string): void {
    this.#tell({ eventType: 'status_update_event', taskStatus: 'TASK_KILLED', taskId: task, appId: id });
  }

  /** Keeps events from now on, as a slow stream does. */
  hold(): void {
    this.#held ??= [];
  }

  /** Lets the events that were kept go. */
  release(order: 'as made' | 'reversed' = 'as made'): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const data of order === 'as made' ? held : held.reverse()) this.#send(data);
  }

  /** Forgets an app. */
  destroy(id: string): void {
    this.#apps.delete(id);
    this.#tell({ eventType: 'app_terminated_event', appId: id });
  }

  /** Starts a task, or changes one of that id. */
  run(id: string, task: TaskDocument): void {
    this.#change(id, (tasks) => [...tasks.filter((other) => other.id !== task.id), task]);
    this.#tell({ eventType: 'status_update_event', taskStatus: 'TASK_RUNNING', taskId: task.id, appId: id });
  }

  /** Ends a task, with an event that says so. */
  kill(id: string, task: string, how: 'told' | 'untold' = 'told'): void {
    this.#change(id, (tasks) => tasks.filter((other) => other.id !== task));
    if (how === 'told') this.claimEnded(id, task);
  }

  /** A health check of a task has a result. */
  check(id: string, task: string, alive: boolean): void {
    this.#change(id, (tasks) =>
      tasks.map((other) => (other.id === task ? { ...other, healthCheckResults: [{ alive }] } : other)),
    );
    this.#tell({ eventType: 'health_status_changed_event', appId: id, taskId: task, alive });
  }

  /** Another master leads; streams of the old one end and its subscriptions are forgotten. */
  elect(leader: number): void {
    this.leader = leader;
    this.subscriptions.clear();
    this.cutStreams();
  }

  /** Ends every stream, or that of one master. */
  cutStreams(master?: number): void {
    for (const [hearer, at] of [...this.#hearers]) {
      if (master !== undefined && at !== master) continue;
      this.#hearers.delete(hearer);
      hearer(CUT);
    }
  }

  /** Opens a stream at a master; gives its release. */
  hear(master: number, hearer: Hearer): () => void {
    this.#hearers.set(hearer, master);
    return () => {
      this.#hearers.delete(hearer);
    };
  }

  /** Gives a sign of life to every stream. */
  beat(): void {
    if (!this.losesEvents) for (const hearer of this.#hearers.keys()) hearer(undefined);
  }

  /** Takes events that are posted. */
  onPost(post: (url: string, data: string) => void): void {
    this.#post = post;
  }

  #change(id: string, change: (tasks: readonly TaskDocument[]) => TaskDocument[]): void {
    const app = this.#apps.get(id) ?? { id, instances: 0 };
    this.#apps.set(id, { ...app, tasks: change(app.tasks ?? []) });
  }

  #tell(event: Readonly<Record<string, unknown>>): void {
    if (this.losesEvents) return;
    const data = JSON.stringify({ timestamp: '2026-01-01T00:00:00.000Z', ...event });
    if (this.#held === undefined) this.#send(data);
    else this.#held.push(data);
  }

  #send(data: string): void {
    for (const hearer of [...this.#hearers.keys()]) hearer(data);
    for (const url of this.subscriptions) this.#post(url, data);
  }
}

/** What a hearer gets when its stream is cut. */
export const CUT = '\u0000cut';
