import { formatProblem } from '../../domain/result.ts';
import { Wakeup } from '../../ports/wakeup.ts';
import { FileError } from '../../ports/file-client.ts';
import { settledStamp, watchFile } from '../../ports/watch-file.ts';
import { parseFile } from './file-document.ts';
import type { Problem } from '../../domain/result.ts';
import type { Clock } from '../../ports/clock.ts';
import type { FileClient } from '../../ports/file-client.ts';
import type { FileContent } from './file-document.ts';

/** How often the file's stamp is read when no hint comes, in milliseconds. Costs one stat. */
const POLL_MS = 1_000;

/** What is known of the file. One value, replaced whole. */
export interface FileState {
  /** The last good content; undefined before the first. */
  readonly content: FileContent | undefined;
  /** Counts good contents, for people. */
  readonly revision: string;
  /** Why the file cannot be asked now, or undefined when it can. */
  readonly trouble: { readonly kind: 'unreachable' | 'forbidden'; readonly reason: string } | undefined;
}

/**
 * Keeps the state of one file: reads it when a hint or the poll says that it changed. A broken edit leaves
 * the last good content standing and becomes problems.
 */
export class FileFollower {
  readonly #dependencies: { readonly client: FileClient; readonly clock: Clock };
  readonly #onChange: () => void;
  #state: FileState = { content: undefined, revision: '0', trouble: undefined };
  /** Problems of the file as a whole that no watch has taken yet. */
  #untold: readonly Problem[] = [];
  /** The stamp of the text that `#state` and `#untold` come from. */
  #stamp: string | undefined;
  #run: { readonly controller: AbortController; readonly done: Promise<void> } | undefined;

  constructor(
    dependencies: { readonly client: FileClient; readonly clock: Clock },
    options: { readonly onChange: () => void },
  ) {
    this.#dependencies = dependencies;
    this.#onChange = options.onChange;
  }

  get state(): FileState {
    return this.#state;
  }

  /** Hands over the problems of the file as a whole: to the first who asks, so that each is told once. */
  takeProblems(): readonly Problem[] {
    const problems = this.#state.trouble === undefined ? this.#untold : [];
    if (problems.length > 0) this.#untold = [];
    return problems;
  }

  /** Begins to follow the file. While it is followed: a no-op. */
  start(): void {
    if (this.#run !== undefined) return;
    const controller = new AbortController();
    this.#run = { controller, done: this.#follow(controller.signal) };
  }

  /** Stops following and forgets the content, so that nobody is told it later as news. Repeated: a no-op. */
  async stop(): Promise<void> {
    const run = this.#run;
    if (run === undefined) return;
    this.#run = undefined;
    this.#stamp = undefined;
    this.#untold = [];
    this.#state = { content: undefined, revision: this.#state.revision, trouble: undefined };
    run.controller.abort(new Error('nobody watches the file any more'));
    await run.done;
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const watched = { ...this.#dependencies, hint: new Wakeup() };
    await watchFile(watched, { pollMs: POLL_MS, signal }, async () => this.#refresh(signal));
  }

  async #refresh(signal: AbortSignal): Promise<void> {
    try {
      const isFirst = this.#state.content === undefined && this.#state.trouble === undefined;
      const { client } = this.#dependencies;
      const seen = await client.stamp();
      if (seen === this.#stamp) return;
      const stamp = isFirst ? seen : await settledStamp(this.#dependencies, seen, { signal });
      const text = await client.read({ signal });
      signal.throwIfAborted();
      this.#take(text);
      this.#stamp = stamp;
    } catch (error) {
      signal.throwIfAborted();
      this.#stamp = undefined;
      this.#tellTrouble(error);
    }
  }

  #take(text: string): void {
    const parsed = parseFile(text, this.#dependencies.client.path);
    const { content, revision } = this.#state;
    if (parsed.ok) {
      this.#untold = parsed.value.problems;
      const next = String(Number(revision) + 1);
      this.#publish({ content: parsed.value, revision: next, trouble: undefined });
    } else if (content === undefined) {
      const reason = parsed.problems.map(formatProblem).join('; ');
      this.#publish({ content, revision, trouble: { kind: 'unreachable', reason } });
    } else {
      this.#untold = parsed.problems;
      this.#publish({ content, revision, trouble: undefined });
    }
  }

  #tellTrouble(error: unknown): void {
    const kind = error instanceof FileError && error.code === 'forbidden' ? 'forbidden' : 'unreachable';
    const reason = error instanceof Error ? error.message : String(error);
    if (this.#state.trouble?.kind === kind && this.#state.trouble.reason === reason) return;
    this.#publish({ ...this.#state, trouble: { kind, reason } });
  }

  #publish(state: FileState): void {
    this.#state = Object.freeze(state);
    this.#onChange();
  }
}
