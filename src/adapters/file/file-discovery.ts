import { sameEndpoints } from '../../domain/endpoint.ts';
import { formatProblem } from '../../domain/result.ts';
import { Wakeup } from '../../ports/wakeup.ts';
import { FileError } from '../../ports/file-client.ts';
import { parseFile } from './file-document.ts';
import { FileFollower } from './file-follower.ts';
import type { ToldEndpoint } from '../../domain/endpoint.ts';
import type { Problem } from '../../domain/result.ts';
import type { ServiceName } from '../../domain/service-name.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Discovery, DiscoveryItem, Outage } from '../../ports/discovery.ts';
import type { FileClient } from '../../ports/file-client.ts';
import type { FileService } from './file-document.ts';
import type { FileState } from './file-follower.ts';

/** A service that a readable file does not name. */
const EMPTY: FileService = { endpoints: [], problems: [] };

/** What the file discovery stands on. */
export interface FileDiscoveryDependencies {
  readonly client: FileClient;
  readonly clock: Clock;
}

/** What one watch has told, so that it tells each thing once. */
interface Told {
  /** Undefined until the first snapshot. */
  endpoints: readonly ToldEndpoint[] | undefined;
  problems: ReadonlySet<string>;
  trouble: 'unreachable' | 'forbidden' | undefined;
}

/**
 * Tells endpoints from a file that people edit [C7]; the embedded default. A service that a readable file
 * does not name is known and empty. An edit that cannot be read keeps the last good content.
 *
 * All watches share one reader, which lives while at least one of them does [D03].
 */
export class FileDiscovery implements Discovery {
  readonly name: string;
  readonly #client: FileClient;
  readonly #follower: FileFollower;
  readonly #watches = new Set<Wakeup>();

  constructor(dependencies: FileDiscoveryDependencies, options: { readonly name: string }) {
    this.name = options.name;
    this.#client = dependencies.client;
    this.#follower = new FileFollower(dependencies, {
      onChange: () => {
        for (const watch of this.#watches) watch.set();
      },
    });
  }

  async *watch(
    service: ServiceName,
    options: { readonly signal: AbortSignal },
  ): AsyncGenerator<DiscoveryItem, void, undefined> {
    const { signal } = options;
    const wakeup = new Wakeup();
    const told: Told = { endpoints: undefined, problems: new Set(), trouble: undefined };
    try {
      signal.throwIfAborted();
      this.#watches.add(wakeup);
      this.#follower.start();
      while (true) {
        const item = news(service, this.#follower.state, told);
        if (item !== undefined) yield item;
        const broken = this.#follower.takeProblems();
        if (broken.length > 0) {
          yield { kind: 'changes', changes: [], revision: this.#follower.state.revision, problems: broken };
        }
        await wakeup.wait({ signal });
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#watches.delete(wakeup);
      if (this.#watches.size === 0) await this.#follower.stop();
    }
  }

  async probe({ signal }: { readonly signal: AbortSignal }): Promise<Outage | undefined> {
    try {
      const parsed = parseFile(await this.#client.read({ signal }), this.#client.path);
      if (parsed.ok) return undefined;
      return { kind: 'unreachable', reason: parsed.problems.map(formatProblem).join('; ') };
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      return { kind: error.code === 'forbidden' ? 'forbidden' : 'unreachable', reason: error.message };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#follower.stop();
  }
}

/** The item that a state owes a watch, if any; notes in `told` that it was told. */
function news(service: ServiceName, state: FileState, told: Told): DiscoveryItem | undefined {
  const { trouble, content } = state;
  if (trouble !== undefined) {
    if (told.trouble === trouble.kind) return undefined;
    told.trouble = trouble.kind;
    return trouble;
  }
  if (content === undefined) return undefined;
  const { endpoints = told.endpoints, problems } = content.services.get(service) ?? EMPTY;
  if (endpoints === undefined) {
    if (told.trouble === 'unreachable') return undefined;
    told.trouble = 'unreachable';
    return { kind: 'unreachable', reason: problems.map(formatProblem).join('; ') };
  }
  const fresh: Problem[] = problems.filter((problem) => !told.problems.has(formatProblem(problem)));
  const isNew =
    told.trouble !== undefined ||
    told.endpoints === undefined ||
    fresh.length > 0 ||
    !sameEndpoints(told.endpoints, endpoints);
  told.problems = new Set(problems.map(formatProblem));
  told.trouble = undefined;
  told.endpoints = endpoints;
  if (!isNew) return undefined;
  const { revision } = state;
  return { kind: 'snapshot', endpoints, evidence: 'authoritative', revision, problems: fresh };
}
