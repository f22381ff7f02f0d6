import { isNode, LineCounter, parseDocument } from 'yaml';
import { printable } from './printable.ts';
import type { Document } from 'yaml';
import type { Problem, Result } from './result.ts';

/** Syntax errors told of one broken edit; the first is nearly always the cause of the others. */
const SYNTAX_PROBLEMS_MAX = 5;

/** A YAML text that was read, and where its parts stand. */
export interface YamlText {
  readonly document: Document.Parsed;
  /** A problem of the whole. */
  readonly whole: (message: string) => Problem;
  /** A problem of a node, with its line and column; those of the beginning where it is no node. */
  readonly at: (node: unknown, message: string) => Problem;
  /** The line of a node, from 1 on; 1 where it is no node. */
  readonly lineOf: (node: unknown) => number;
}

/**
 * Reads a YAML text that people write.
 *
 * @param place - Names the text in its problems.
 * @param options - `lengthMax`: its most characters. `uniqueKeys`: whether a key that a map has twice is an
 *   error; otherwise whoever reads the map looks for it.
 * @returns No text if and only if it is too long or is not YAML; then why, with lines and columns.
 *
 * Pure; O(length).
 */
export function readYaml(
  text: string,
  place: string,
  { lengthMax, uniqueKeys = true }: { readonly lengthMax: number; readonly uniqueKeys?: boolean },
): Result<YamlText> {
  const lines = new LineCounter();
  const where = printable(place);
  const whole = (message: string): Problem => ({ place: where, message });
  const problemAt = (offset: number, message: string): Problem => {
    const { line, col } = lines.linePos(offset);
    return { place: `${where}, line ${line}`, column: col, message };
  };
  if (text.length > lengthMax) {
    return { ok: false, problems: [whole(`longer than ${lengthMax} characters`)] };
  }
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys });
  if (document.errors.length > 0) {
    const errors = document.errors.slice(0, SYNTAX_PROBLEMS_MAX);
    return { ok: false, problems: errors.map(({ pos, message }) => problemAt(pos[0], printable(message))) };
  }
  const value: YamlText = {
    document,
    whole,
    at: (node, message) => problemAt(startOf(node), message),
    lineOf: (node) => lines.linePos(startOf(node)).line,
  };
  return { ok: true, value };
}

function startOf(node: unknown): number {
  return isNode(node) ? (node.range?.[0] ?? 0) : 0;
}
