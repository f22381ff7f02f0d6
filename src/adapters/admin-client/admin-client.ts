import { DOCUMENTS } from '../../ports/admin-documents.ts';
import type { DocumentName, DocumentOf } from '../../ports/admin-documents.ts';
import type { AdminTransport, RawAnswer } from './admin-transport.ts';

/** Thrown when a daemon cannot be asked or refuses; the message says why and what to do. */
export class AskError extends Error {
  override readonly name = 'AskError';
}

/** Asks a running daemon and reads its answers. */
export class AdminClient {
  readonly #transport: AdminTransport;
  readonly #where: string;

  /** @param where - Where it is asked, for messages. */
  constructor(transport: AdminTransport, options: { readonly where: string }) {
    this.#transport = transport;
    this.#where = options.where;
  }

  /**
   * Asks for a document.
   *
   * @param name - What is to come.
   * @param path - With its query, e.g. `/v1/explain?consumer=web&port=80`.
   * @returns What was answered, also where that is a no (`/readyz` with 503, `explain` with 404).
   * @throws {AskError} Nobody answers, access is denied, or the answer is no document.
   */
  async ask<N extends DocumentName>(
    name: N,
    path: string,
    options: { readonly signal: AbortSignal },
  ): Promise<DocumentOf<N>> {
    const { status, text } = await this.#send(path, options);
    const document = documentOf(text);
    if (document === undefined) {
      throw new AskError(`${this.#where} answers, but not as embassy does (status ${status})`);
    }
    const problem = problemOf(document);
    if (problem !== undefined) throw new AskError(`${this.#where} refuses: ${problem}`);
    const read = DOCUMENTS[name].safeParse(document);
    // The parser of a name gives the document of that name.
    if (read.success) return read.data as DocumentOf<N>;
    throw new AskError(`${this.#where} is of another version of embassy: its answer cannot be read`);
  }

  /** Counts up from 1 at once and after each change, until aborted or the daemon ends. */
  changes(options: { readonly signal: AbortSignal }): AsyncIterable<number> {
    return this.#transport.changes(options);
  }

  async #send(path: string, options: { readonly signal: AbortSignal }): Promise<RawAnswer> {
    try {
      return await this.#transport.ask('GET', path, options);
    } catch (error) {
      options.signal.throwIfAborted();
      const why = error instanceof Error ? error.message : String(error);
      throw new AskError(`no embassy answers at ${this.#where} (${why})`, { cause: error });
    }
  }
}

function documentOf(text: string): object | undefined {
  try {
    const document: unknown = JSON.parse(text);
    return typeof document === 'object' && document !== null ? document : undefined;
  } catch {
    return undefined;
  }
}

function problemOf(document: object): string | undefined {
  return 'problem' in document ? String(document.problem) : undefined;
}
