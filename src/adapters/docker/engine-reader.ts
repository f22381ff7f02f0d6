import { wantsOf } from './wants-of.ts';
import { DockerAnswerError } from './docker-client.ts';
import { formatProblem } from '../../domain/result.ts';
import { mapBounded } from './map-bounded.ts';
import {
  parseContainerDocument,
  parseContainerList,
  parseContainerRows,
  shortId,
} from './container-document.ts';
import { askEngine } from './ask-engine.ts';
import type { ContainerRecord } from './consumers-of.ts';
import type { DockerClient } from './docker-client.ts';
import type { WantsOptions } from './wants-of.ts';
import type { Problem } from '../../domain/result.ts';
import type { Clock } from '../../ports/clock.ts';

/** How many containers are inspected at a time; the engine serves other users too. */
export const INSPECTS_MAX = 8;

/** What one look at a container showed. */
export type ContainerReading =
  | { readonly kind: 'running'; readonly id: string; readonly record: ContainerRecord }
  /** It does not exist, or it does not run. */
  | { readonly kind: 'gone'; readonly id: string }
  /** Its document has another shape: nothing is known of it. */
  | { readonly kind: 'unreadable'; readonly id: string; readonly problems: readonly Problem[] }
  /** The engine would not tell, though it answers: what was known of it stays. */
  | { readonly kind: 'refused'; readonly id: string; readonly problems: readonly Problem[] };

/** What an {@link readContainers} needs. */
export interface ReaderDependencies {
  readonly client: DockerClient;
  readonly clock: Clock;
}

/**
 * Lists the ids of the running containers.
 *
 * @throws {Error} The engine cannot be asked, or answers with something else.
 */
export async function readRunningIds(
  { client, clock }: ReaderDependencies,
  { signal }: { readonly signal: AbortSignal },
): Promise<readonly string[]> {
  const what = 'GET /containers/json';
  const document = await askEngine(clock, { what, signal }, (limited) =>
    client.listContainers({ signal: limited }),
  );
  const parsed = parseContainerList(document);
  if (parsed.ok) return parsed.value;
  throw new Error(parsed.problems.slice(0, 1).map(formatProblem).join(''));
}

/**
 * Lists the running containers with the endpoints that each has now.
 *
 * @throws {Error} As {@link readRunningIds}.
 */
export async function readRunningEndpoints(
  { client, clock }: ReaderDependencies,
  { signal }: { readonly signal: AbortSignal },
): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const what = 'GET /containers/json';
  const document = await askEngine(clock, { what, signal }, (limited) =>
    client.listContainers({ signal: limited }),
  );
  const parsed = parseContainerRows(document);
  if (parsed.ok) return parsed.value;
  throw new Error(parsed.problems.slice(0, 1).map(formatProblem).join(''));
}

/**
 * Looks at containers, {@link INSPECTS_MAX} at a time.
 *
 * @param ids - Distinct.
 * @returns One reading each, in the order of the ids.
 * @throws {Error} The engine cannot be asked, or refuses to tell of each of two or more. Trouble with single
 *   containers is in their readings, so that it never stops the others [P10].
 */
export async function readContainers(
  dependencies: ReaderDependencies,
  ids: readonly string[],
  options: WantsOptions & { readonly signal: AbortSignal },
): Promise<readonly ContainerReading[]> {
  const readings = await mapBounded(ids, INSPECTS_MAX, (id) => readContainer(dependencies, id, options));
  const [first] = readings;
  if (readings.length > 1 && first?.kind === 'refused' && readings.every(({ kind }) => kind === 'refused')) {
    throw new Error(first.problems.slice(0, 1).map(formatProblem).join(''));
  }
  return readings;
}

async function readContainer(
  { client, clock }: ReaderDependencies,
  id: string,
  options: WantsOptions & { readonly signal: AbortSignal },
): Promise<ContainerReading> {
  const what = `GET /containers/${shortId(id)}/json`;
  let document: unknown;
  try {
    document = await askEngine(clock, { what, signal: options.signal }, (signal) =>
      client.inspectContainer(id, { signal }),
    );
  } catch (error) {
    if (!(error instanceof DockerAnswerError)) throw error;
    const message = `docker does not tell of it: ${error.message}`;
    return { kind: 'refused', id, problems: [{ place: `container ${shortId(id)}`, message }] };
  }
  if (document === undefined) return { kind: 'gone', id };
  const parsed = parseContainerDocument(document, id);
  if (!parsed.ok) return { kind: 'unreadable', id, problems: parsed.problems };
  const container = parsed.value;
  if (!container.running) return { kind: 'gone', id };
  const { wants, problems } = wantsOf(container, options);
  // Keyed by the document's own id: an event may have named the container otherwise.
  return { kind: 'running', id: container.id, record: { container, wants, problems } };
}
