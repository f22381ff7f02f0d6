/** The longest line that is read; an event carries every label of its container and stays far below. */
const LINE_LENGTH_MAX = 1_048_576;

/** Begins each record of a JSON text sequence, which engines may send since API 1.52. */
const RECORD_SEPARATOR = '\u001e';

/**
 * Splits a stream of text into the JSON values of its lines, holding no more than one line of bounded length.
 *
 * @see RFC 7464, JSON text sequences: a separator before each record, a line feed behind it.
 */
export class JsonLines {
  #rest = '';
  #skipping = false;

  /**
   * Takes the next piece of the stream.
   *
   * @returns The values it completed, in order; undefined for each line that is too long or not JSON. Empty
   *   lines are nothing.
   */
  push(text: string): readonly unknown[] {
    const values: unknown[] = [];
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const wasSkipping = this.#skipping;
      this.#skipping = false;
      if (wasSkipping) continue;
      const trimmed = line.replaceAll(RECORD_SEPARATOR, '').trim();
      if (trimmed !== '') values.push(trimmed.length > LINE_LENGTH_MAX ? undefined : parseJson(trimmed));
    }
    if (this.#rest.length > LINE_LENGTH_MAX) {
      if (!this.#skipping) values.push(undefined);
      this.#skipping = true;
      this.#rest = '';
    }
    return values;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
