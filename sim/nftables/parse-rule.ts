import { isExpression, parseExpression, parseKey } from './parse-expression.ts';
import { parseVerdict } from './parse-elements.ts';
import { parseMatch } from './parse-match.ts';
import { parseRedirect, parseTranslation } from './parse-translation.ts';
import { Refusal } from './refusal.ts';
import type { PacketView } from './packet-view.ts';
import type { RuleContext } from './parse-translation.ts';
import type { DynamicUpdate, Expression, Rule, Statement } from './rule.ts';
import type { TableFamily } from './ruleset.ts';
import type { TokenReader } from './token-reader.ts';

/** How each kind of statement is read, by its first word. To know one more is to add a line. */
const STATEMENTS: Readonly<Record<string, (reader: TokenReader, context: RuleContext) => Statement>> = {
  counter: parseCounter,
  dnat: (reader, context) => parseTranslation('dnat', reader, context),
  snat: (reader, context) => parseTranslation('snat', reader, context),
  redirect: parseRedirect,
  masquerade: () => ({ kind: 'masquerade' }),
  reject: parseReject,
  add: (reader) => parseDynamic('add', reader),
  update: (reader) => parseDynamic('update', reader),
  delete: (reader) => parseDynamic('delete', reader),
};

/** Statements behind which none may stand. */
const TERMINAL: ReadonlySet<Statement['kind']> = new Set([
  'verdict',
  'dnat',
  'snat',
  'redirect',
  'masquerade',
  'reject',
]);

/** A statement that asks for a protocol with ports, as its first word or within several. */
const TRANSPORT = /^(?:meta l4proto|ip protocol) |(?:^|\. )(?:tcp|udp) \w+ /;

/** A port of a connection among several values: nft knows how long it is only behind a protocol. */
const UNSIZED = /\. ct (?:original|reply) proto-(?:src|dst)\b/;

/**
 * Reads a rule up to the end of its command.
 *
 * @throws {Refusal} A word that we do not know, or that nft would not take there.
 */
export function parseRule(reader: TokenReader, family: TableFamily): Rule {
  const { here } = reader;
  const statements: Statement[] = [];
  let comment: string | undefined;
  let isBehindTransport = false;
  while (!reader.isAtEnd) {
    if (reader.take('comment')) {
      comment = reader.word();
      reader.end();
      break;
    }
    const place = reader.here;
    const statement = parseStatement(reader, { family, isBehindTransport });
    const last = statements.at(-1);
    if (last !== undefined && TERMINAL.has(last.kind)) {
      throw new Refusal(place, 'Statement after terminal statement has no effect');
    }
    const text = reader.textSince(place);
    if (!isBehindTransport && UNSIZED.test(text)) {
      throw new Refusal(place, 'can not use variable sized data types (invalid) in concat expressions');
    }
    isBehindTransport ||= TRANSPORT.test(text);
    statements.push(statement);
  }
  if (statements.length === 0) throw reader.unexpected();
  return { handle: 0, text: reader.textSince(here), comment, statements };
}

function parseStatement(reader: TokenReader, context: RuleContext): Statement {
  const verdict = parseVerdict(reader);
  if (verdict !== undefined) return { kind: 'verdict', verdict };
  for (const whose of ['meta', 'ct'] as const) {
    if (reader.take(whose, 'mark', 'set')) return { kind: 'mark', whose, value: parseMark(reader) };
  }
  if (isExpression(reader)) return parseMatch(reader);
  const word = reader.peek();
  const parse = Object.hasOwn(STATEMENTS, word) ? STATEMENTS[word] : undefined;
  if (parse === undefined) throw reader.unexpected();
  reader.take(word);
  return parse(reader, context);
}

function parseCounter(reader: TokenReader): Statement {
  const packets = reader.take('packets') ? reader.number() : 0;
  if (reader.take('bytes')) reader.number();
  return { kind: 'counter', packets };
}

function parseReject(reader: TokenReader): Statement {
  if (reader.take('with')) reader.expect('tcp', 'reset');
  return { kind: 'reject' };
}

/** A number, or an expression with bits taken from it or added. */
function parseMark(reader: TokenReader): Expression {
  if (isExpression(reader)) {
    const from = parseExpression(reader);
    const sign = reader.maybe('&', '|');
    if (sign === undefined) return from;
    const bits = reader.number();
    const read = (packet: PacketView): number => {
      const value = Number(from.read(packet) ?? 0);
      return (sign === '&' ? value & bits : value | bits) >>> 0;
    };
    return { ...from, read };
  }
  const { here } = reader;
  const value = reader.number();
  return { type: 'mark', place: here, read: () => value };
}

/** `@SET { KEY [timeout T] [counter] [: DATA] }`, the verb read already. */
function parseDynamic(verb: DynamicUpdate['verb'], reader: TokenReader): DynamicUpdate {
  reader.expect('@');
  const place = reader.here;
  const set = reader.word();
  reader.expect('{');
  const key = parseKey(reader);
  let timeoutMs: number | undefined;
  let hasCounter = false;
  for (;;) {
    if (reader.take('timeout')) timeoutMs = reader.timeMs();
    else if (reader.take('counter')) hasCounter = true;
    else break;
  }
  const data = reader.take(':') ? parseKey(reader) : undefined;
  reader.expect('}');
  return { kind: 'dynamic', verb, set, place, key, data, timeoutMs, hasCounter };
}
