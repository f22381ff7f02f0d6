import { DirtyMarks } from './dirty-marks.ts';
import { readEngineEvent } from './engine-event.ts';
import { readContainers, readRunningEndpoints, readRunningIds } from './engine-reader.ts';
import { readGateway, readNetworks } from './network-document.ts';
import { readSurroundings } from './engine-surroundings.ts';
import { askEngine } from './ask-engine.ts';
import type { DockerClient, DockerEventStream } from './docker-client.ts';
import type { Inventory, Telling } from './inventory.ts';
import type { WantsOptions } from './wants-of.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { ProviderItem } from '../../ports/provider.ts';

/**
 * When everything is read a second time after subscribing: engines answer a subscription a moment before it
 * takes effect, and what happens in between no event announces.
 *
 * @see moby, api/server/router/system/system_routes.go: the header is flushed before SubscribeToEvents.
 */
const SETTLE_MS = 1_000;

/** How long an event may come behind what it announces, before the stream is held for dead. */
const GRACE_MS = 1_000;

/** How often containers that claim one address are looked at again before both are told. */
const CONTEST_ROUNDS_MAX = 3;

/** Calls back each time that interfaces of this host are gone, until aborted; see adapters/netlink. */
export type FollowLinks = (options: {
  readonly onRemoval: () => void;
  readonly signal: AbortSignal;
}) => Promise<void>;

/** How a subscription ended, and whether a snapshot was told in it. */
export type SessionEnd = { readonly answered: boolean } & (
  | { readonly kind: 'cut'; readonly reason: string }
  | { readonly kind: 'away'; readonly reason: string }
  | { readonly kind: 'silent'; readonly missed: readonly string[] }
);

export interface SessionDependencies {
  readonly client: DockerClient;
  readonly clock: Clock;
  readonly log: Log;
}

export interface SessionOptions extends WantsOptions {
  /** Everything is read again this often, because events get lost. */
  readonly resyncMs: number;
  /** Where the engine is when that is another host. */
  readonly remote: string | undefined;
  /** Tells when interfaces of the host are gone; undefined where nobody can. */
  readonly followLinks: FollowLinks | undefined;
  readonly signal: AbortSignal;
}

type Alarm = 'settle' | 'resync' | 'grace' | 'endpoints';

/**
 * Follows the engine for as long as one subscription to its events lasts: subscribes first, then lists, so
 * that nothing that happens in between is missed [P02]; then looks again at what events mark, and at
 * everything every `resyncMs` [P03].
 *
 * @param inventory - What is known and told; changed by this.
 * @returns A snapshot first, then what differs. At the end, why it ended; an abort ends it as well.
 *
 * Never throws; the stream and every timer are released at the end.
 */
export async function* followEngine(
  dependencies: SessionDependencies,
  inventory: Inventory,
  options: SessionOptions,
): AsyncGenerator<ProviderItem, SessionEnd> {
  const { client, clock, log } = dependencies;
  const { signal, resyncMs } = options;
  const marks = new DirtyMarks();
  const due = new Set<Alarm>();
  const alarms = new Map<Alarm, () => void>();
  const arm = (alarm: Alarm, ms: number): void => {
    alarms.get(alarm)?.();
    alarms.set(
      alarm,
      clock.schedule(ms, () => {
        due.add(alarm);
        marks.wake();
      }),
    );
  };
  let answered = false;
  let stream: DockerEventStream | undefined;
  const ended = new AbortController();
  let reading: Promise<unknown> | undefined;
  try {
    stream = await askEngine(clock, { what: 'GET /events', signal }, (limited) => open(client, limited));
    reading = Promise.all([
      readEvents(stream, marks),
      options.followLinks?.({
        onRemoval: () => {
          marks.markEndpoints();
        },
        signal: ended.signal,
      }),
    ]);
    inventory.setEngineProblems(await readSurroundings(dependencies, options));
    await readAll(dependencies, inventory, options);
    answered = true;
    arm('settle', SETTLE_MS);
    arm('resync', resyncMs);
    yield inventory.tellSnapshot().item;
    let suspects: readonly string[] = [];
    for (;;) {
      await marks.wait({ signal });
      const work = marks.take();
      if (work.ended !== undefined) return { kind: 'cut', reason: work.ended, answered };
      const isResync = due.delete('resync');
      if (isResync) arm('resync', resyncMs);
      if (due.delete('settle') || isResync || work.all) await readAll(dependencies, inventory, options);
      else await readSome(dependencies, inventory, { ...options, ...work });
      const isSecondLook = due.delete('endpoints');
      if (work.endpoints || isSecondLook) await checkEndpoints(dependencies, inventory, options);
      // An interface is gone a moment before the engine says so.
      if (work.endpoints) arm('endpoints', SETTLE_MS);
      const telling = inventory.tellChanges();
      if (telling !== undefined) yield telling.item;
      if (isResync) {
        suspects = suspectsOf(telling, marks);
        if (suspects.length > 0) arm('grace', GRACE_MS);
      } else if (due.delete('grace')) {
        suspects = marks.unannounced(suspects);
        if (suspects.length > 0) return { kind: 'silent', missed: suspects, answered };
      }
    }
  } catch (error) {
    if (!signal.aborted) log.debug("The work on docker's answers ended", { reason: messageOf(error) });
    return { kind: 'away', reason: messageOf(error), answered };
  } finally {
    for (const cancel of alarms.values()) cancel();
    ended.abort();
    await stream?.[Symbol.asyncDispose]();
    await reading;
  }
}

/** Says what went wrong, in the words of whoever threw. Pure. */
function messageOf(error: unknown): string {
  return error instanceof Error && error.message !== '' ? error.message : String(error);
}

/** What a full list found changed without an event that named it; begins a new interval. */
function suspectsOf(telling: Telling | undefined, marks: DirtyMarks): readonly string[] {
  const suspects = marks.unannounced(telling?.changed ?? []);
  marks.forget();
  return suspects;
}

/** Subscribes; a stream that comes when nobody waits for it any more is closed. */
async function open(client: DockerClient, signal: AbortSignal): Promise<DockerEventStream> {
  const stream = await client.subscribe({ signal });
  if (!signal.aborted) return stream;
  await stream[Symbol.asyncDispose]();
  throw signal.reason;
}

async function readEvents(stream: DockerEventStream, marks: DirtyMarks): Promise<void> {
  try {
    for await (const value of stream) marks.markEvent(readEngineEvent(value));
    marks.end('docker ended it');
  } catch (error) {
    marks.end(messageOf(error));
  }
}

/** Lets go at once who no longer runs, and looks again at who has lost an endpoint [C10]. */
async function checkEndpoints(
  dependencies: SessionDependencies,
  inventory: Inventory,
  options: SessionOptions,
): Promise<void> {
  const running = await readRunningEndpoints(dependencies, options);
  inventory.keepOnly([...running.keys()]);
  const lost = inventory.withoutEndpoint(running);
  if (lost.length > 0) inventory.take(await readContainers(dependencies, lost, options));
}

async function readAll(
  dependencies: SessionDependencies,
  inventory: Inventory,
  options: SessionOptions,
): Promise<void> {
  const ids = await readRunningIds(dependencies, options);
  inventory.setNetworks(await readNetworks(dependencies, options));
  const readings = await readContainers(dependencies, ids, options);
  inventory.keepOnly(ids);
  inventory.take(readings);
  await settle(dependencies, inventory, options);
}

async function readSome(
  dependencies: SessionDependencies,
  inventory: Inventory,
  options: SessionOptions & { readonly ids: readonly string[]; readonly networks: boolean },
): Promise<void> {
  if (options.networks) inventory.setNetworks(await readNetworks(dependencies, options));
  if (options.ids.length === 0) return;
  inventory.take(await readContainers(dependencies, options.ids, options));
  await settle(dependencies, inventory, options);
}

/** Looks again at what does not fit together: addresses with two owners, networks nobody listed. */
async function settle(
  dependencies: SessionDependencies,
  inventory: Inventory,
  options: SessionOptions,
): Promise<void> {
  for (let round = 0; round < CONTEST_ROUNDS_MAX; round += 1) {
    const contested = inventory.contested();
    if (contested.length === 0) break;
    inventory.take(await readContainers(dependencies, contested, options));
  }
  if (inventory.hasUnknownNetwork()) inventory.setNetworks(await readNetworks(dependencies, options));
  const isNeeded = inventory.needsGateway();
  inventory.setGateway(isNeeded ? await readGateway(dependencies, inventory.networks, options) : new Map());
}
