import { SnapshotStoreError } from '../../src/ports/snapshot-store.ts';
import type { StateClient } from '../../src/adapters/state/state-client.ts';

/** A state directory that is a variable. */
export class SimStateClient implements StateClient {
  readonly path = 'state/endpoints.json';
  #text: string | undefined;
  #aside: string | undefined;
  #trouble: string | undefined;
  #writes = 0;

  /** What is in the file; undefined when there is none. */
  get text(): string | undefined {
    return this.#text;
  }

  /** What was set aside last. */
  get aside(): string | undefined {
    return this.#aside;
  }

  /** How often the file was replaced. */
  get writes(): number {
    return this.#writes;
  }

  /** Puts a text into the file, as somebody else would. */
  put(text: string): void {
    this.#text = text;
  }

  /** Lets every call fail until told otherwise. */
  fail(trouble: string | undefined): void {
    this.#trouble = trouble;
  }

  async read(): Promise<string | undefined> {
    this.#check();
    return this.#text;
  }

  async write(text: string): Promise<void> {
    this.#check();
    this.#writes += 1;
    this.#text = text;
  }

  async setAside(): Promise<string> {
    this.#check();
    this.#aside = this.#text;
    this.#text = undefined;
    return `${this.path}.damaged`;
  }

  /** Weighs a text; tells any two apart that a test would mix up. */
  digest(text: string): string {
    let sum = 7;
    for (let i = 0; i < text.length; i += 1) sum = (sum * 31 + text.charCodeAt(i)) % 0xffff_ffff;
    return sum.toString(16);
  }

  #check(): void {
    if (this.#trouble !== undefined) throw new SnapshotStoreError(`${this.path}: ${this.#trouble}`);
  }
}
