/** One file of the host, read and watched. */
export interface FileClient {
  /** The path as the user wrote it, for messages. */
  readonly path: string;
  /**
   * @returns The whole text, decoded as UTF-8.
   * @throws {FileError} It could not be read; retrying helps when somebody mends that.
   */
  read(options: { readonly signal: AbortSignal }): Promise<string>;
  /**
   * @returns A text that differs whenever the file was written to or replaced.
   * @throws {FileError} As `read`.
   */
  stamp(): Promise<string>;
  /**
   * Calls back when the file may have changed, so that nobody waits for the next poll. Hints can be missed,
   * doubled or wrong.
   *
   * @param onHint - Must not throw.
   * @returns Stops the hints; repeated, a no-op. Where the host cannot watch there are simply none.
   */
  watch(onHint: () => void): () => void;
}

/** Thrown when a file cannot be read. */
export class FileError extends Error {
  override readonly name = 'FileError';
  readonly code: 'missing' | 'forbidden' | 'failed';

  constructor(code: FileError['code'], message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
