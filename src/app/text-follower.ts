import { FileError } from '../ports/file-client.ts';
import { Wakeup } from '../ports/wakeup.ts';
import { settledStamp, watchFile } from '../ports/watch-file.ts';
import type { Clock } from '../ports/clock.ts';
import type { FileClient } from '../ports/file-client.ts';

/** How often the file's stamp is read when no hint comes, in milliseconds. Costs one stat. */
const POLL_MS = 2_000;

/** Who is told of a file. */
export interface FileReader {
  /** A text that was not told before; the first one is what stands there when following begins. */
  onText(text: string): void;
  /** Why the file cannot be read, in words; once for as long as the reason stays. */
  onTrouble(reason: string): void;
}

/**
 * Follows a file that an operator edits. It is read when the host hints that it changed, every other second
 * if its stamp differs, and when somebody asks for it.
 */
export class TextFollower {
  readonly #dependencies: { readonly clock: Clock; readonly client: FileClient };
  readonly #reader: FileReader;
  readonly #hint = new Wakeup();
  #stamp: string | undefined;
  #text: string | undefined;
  #trouble: string | undefined;
  #isAsked = false;

  /** @param options - `known`: a text that is no news. */
  constructor(
    dependencies: { readonly clock: Clock; readonly client: FileClient },
    reader: FileReader,
    options: { readonly known: string | undefined },
  ) {
    this.#dependencies = dependencies;
    this.#reader = reader;
    this.#text = options.known;
  }

  /** Reads the file now, and tells its text even if it is the same. */
  ask(): void {
    this.#isAsked = true;
    this.#hint.set();
  }

  /** Follows it until aborted; then resolves. */
  async run({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    const watched = { ...this.#dependencies, hint: this.#hint };
    await watchFile(watched, { pollMs: POLL_MS, signal }, async () => this.#look(signal));
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { client } = this.#dependencies;
    try {
      const seen = await client.stamp();
      const isAsked = this.#isAsked;
      if (seen === this.#stamp && !isAsked) return;
      this.#isAsked = false;
      const stamp = await settledStamp(this.#dependencies, seen, { signal });
      const text = await client.read({ signal });
      this.#stamp = stamp;
      this.#trouble = undefined;
      if (text === this.#text && !isAsked) return;
      this.#text = text;
      this.#reader.onText(text);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof FileError)) throw error;
      this.#stamp = undefined;
      if (this.#trouble === error.message) return;
      this.#trouble = error.message;
      this.#reader.onTrouble(error.message);
    }
  }
}
