/** The one file of the state directory, as this adapter needs it. */
export interface StateClient {
  /** The file's path, for messages. */
  readonly path: string;
  /**
   * Reads the whole file.
   *
   * @returns Undefined when there is none.
   * @throws {SnapshotStoreError} It cannot be read.
   */
  read(options: { readonly signal: AbortSignal }): Promise<string | undefined>;
  /**
   * Replaces the file in one step, with its bytes on disk before it takes the name.
   *
   * @throws {SnapshotStoreError} It cannot be written; the old one is untouched.
   */
  write(text: string): Promise<void>;
  /**
   * Moves the file out of the way.
   *
   * @returns Where it is now.
   * @throws {SnapshotStoreError} It cannot be moved.
   */
  setAside(): Promise<string>;
  /** The SHA-256 of a text in UTF-8, hexadecimal. Pure. */
  digest(text: string): string;
}
