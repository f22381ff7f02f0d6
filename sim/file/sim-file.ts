import { FileError } from '../../src/ports/file-client.ts';
import type { FileClient } from '../../src/ports/file-client.ts';

/**
 * A simulated file under the file adapter's logic. It can be written in steps, be away, refuse to be read,
 * and keep its hints to itself.
 */
export class SimFile implements FileClient {
  readonly path: string;
  readonly #hints = new Set<() => void>();
  #text: string | undefined;
  #stamp = 0;
  #isForbidden = false;
  #isMute = false;

  constructor(path: string) {
    this.path = path;
  }

  /** The count of those who wait for hints. */
  get watchers(): number {
    return this.#hints.size;
  }

  /** Writes the whole text. */
  write(text: string): void {
    this.#text = text;
    this.#touch();
  }

  /** Deletes the file. */
  remove(): void {
    this.#text = undefined;
    this.#touch();
  }

  /** Takes the right to read away until `permit`. */
  forbid(): void {
    this.#isForbidden = true;
    this.#touch();
  }

  /** Gives it back. */
  permit(): void {
    this.#isForbidden = false;
    this.#touch();
  }

  /** Gives no hints from now on, as a network file system. */
  mute(): void {
    this.#isMute = true;
  }

  async read({ signal }: { readonly signal: AbortSignal }): Promise<string> {
    signal.throwIfAborted();
    return this.#content();
  }

  async stamp(): Promise<string> {
    this.#content();
    return String(this.#stamp);
  }

  watch(onHint: () => void): () => void {
    this.#hints.add(onHint);
    return () => {
      this.#hints.delete(onHint);
    };
  }

  #content(): string {
    if (this.#text === undefined) throw new FileError('missing', `${this.path} does not exist`);
    if (this.#isForbidden) throw new FileError('forbidden', `no permission to read ${this.path}`);
    return this.#text;
  }

  #touch(): void {
    this.#stamp += 1;
    if (this.#isMute) return;
    for (const onHint of this.#hints) onHint();
  }
}
