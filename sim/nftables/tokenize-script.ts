import { Refusal } from './refusal.ts';
import type { Place } from './refusal.ts';

/** A word, a quoted text without its quotes, or a sign. */
export interface Token {
  readonly text: string;
  readonly isQuoted: boolean;
  readonly place: Place;
}

/** The words of one command; not empty. */
export type Line = readonly Token[];

/**
 * A word holds addresses, ports, ranges and prefixes (`10.0.0.1:80`, `[fd00::1]:80`, `90-99`, `10.0.0.0/8`);
 * a point or colon at its end is a sign of its own.
 */
const TOKEN =
  /(?<space>[^\S\n]+|\\\n|#[^\n]*)|"(?<quoted>[^"\n]*)"|(?<word>\[[0-9a-f:.]+\]:\d+|-?[\w:*](?:[\w.:*-]*[\w*]|:)?(?:\/\d+)?(?<=[\w*]|::|:\d+))|(?<sign>==|!=|<<|>>|[{}()@,;&|=!<>/.:+\n-])/y;

/**
 * Cuts a script into commands: by line, and by semicolons outside braces.
 *
 * Pure. Within braces a line's end means nothing, as in nft.
 *
 * @throws {Refusal} A character that nft has no use for.
 */
export function tokenizeScript(script: string): readonly Line[] {
  const lines: Token[][] = [[]];
  let [depth, line, start] = [0, 1, 0];
  const token = new RegExp(TOKEN);
  while (token.lastIndex < script.length) {
    const from = token.lastIndex;
    const place = { line, first: from - start + 1, last: 0 };
    const groups = token.exec(script)?.groups;
    if (groups === undefined) {
      throw new Refusal({ ...place, last: place.first }, 'syntax error, unexpected junk');
    }
    const { space, quoted, word, sign } = groups;
    if (space !== undefined && !space.endsWith('\n')) continue;
    if (sign === '\n' || space !== undefined) {
      [line, start] = [line + 1, token.lastIndex];
      if (sign === '\n' && depth === 0) lines.push([]);
      continue;
    }
    const text = quoted ?? word ?? sign ?? '';
    if (sign === '{') depth += 1;
    if (sign === '}') depth -= 1;
    if (sign === ';' && depth === 0) {
      lines.push([]);
      continue;
    }
    const at = { ...place, last: token.lastIndex - start };
    lines.at(-1)?.push({ text, isQuoted: quoted !== undefined, place: at });
  }
  return lines.filter((words) => words.length > 0);
}
