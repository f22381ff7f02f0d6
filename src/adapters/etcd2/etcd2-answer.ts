import { z } from 'zod';
import { codeOf, misshapen, refusalOf } from './etcd2-failure.ts';
import { Etcd2Error } from './etcd2-client.ts';
import type { KeyedDocument } from '../../ports/document-table.ts';
import type { Etcd2Answer } from './etcd2-client.ts';
import type { Etcd2Side } from './etcd2-failure.ts';

/** The most nodes that are read of one answer; a hundred times what one host can use. */
const NODES_MAX = 100_000;

/** etcd's codes for a path that is not there, and for one below what is no directory. */
const MISSING_CODES: readonly (number | undefined)[] = [100, 104];

/** What a list says. */
export interface Etcd2List {
  /** Every key with a value, at any depth that was asked for; keys that begin with `_` are hidden by etcd. */
  readonly items: readonly KeyedDocument[];
  /** Whether there is nothing at all, not even a directory. */
  readonly isEmpty: boolean;
  /** The store's last event: decimal digits. */
  readonly index: string;
}

/** What one event did. */
export interface Etcd2Event {
  /** `put`: a value was set. `directory`: one was made. `remove`: the key is gone, with all below it. */
  readonly kind: 'put' | 'directory' | 'remove';
  readonly key: string;
  /** Of a `put`; otherwise empty. */
  readonly value: string;
  /** The event's own place in the history: decimal digits. */
  readonly index: string;
}

const EVENT = z.object({
  action: z.enum(['set', 'create', 'update', 'compareAndSwap', 'delete', 'expire', 'compareAndDelete']),
  node: z.object({
    key: z.string().default('/'),
    value: z.string().optional(),
    dir: z.boolean().optional(),
    modifiedIndex: z.int().positive(),
  }),
});

const LIST = z.object({ node: z.looseObject({}) });

/** One node of a list; below the first, each has a key. */
const NODE = z.object({
  key: z.string().optional(),
  value: z.string().optional(),
  dir: z.boolean().optional(),
  nodes: z.array(z.unknown()).nullish(),
});

/**
 * Reads the answer to a list. A path that is not there is an empty list: etcd v2 makes directories with the
 * first key below, and keeps them or not when the last one goes.
 *
 * @throws {Etcd2Error} What etcd refused, or that the answer is none of etcd's: never half a list [D06].
 *
 * Pure.
 */
export function readList(answer: Etcd2Answer, side: Etcd2Side): Etcd2List {
  const body = parseJson(answer.text);
  const index = answer.index ?? '';
  const isMissing = MISSING_CODES.includes(codeOf(body));
  if (!isMissing) assertSuccess(answer, body, side);
  if (!/^[0-9]{1,20}$/.test(index)) throw misshapen('no X-Etcd-Index', side.member);
  if (isMissing) return { items: [], isEmpty: true, index };
  const parsed = LIST.safeParse(body);
  if (!parsed.success) throw misshapen('JSON of another shape', side.member);
  const items: KeyedDocument[] = [];
  const waiting: unknown[] = [parsed.data.node];
  let read = 0;
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    const one = NODE.safeParse(node);
    if (!one.success) throw misshapen('a node of another shape', side.member);
    read += 1;
    if (read > NODES_MAX) {
      const what = `etcd at ${side.member} lists more than ${NODES_MAX} keys; ask for a longer path`;
      throw new Etcd2Error('unavailable', what);
    }
    const { key, value, dir = false, nodes } = one.data;
    if (!dir && key !== undefined && value !== undefined) items.push({ key, value });
    waiting.push(...(nodes ?? []));
  }
  items.sort((a, b) => (a.key < b.key ? -1 : 1));
  return { items, isEmpty: read === 1 && items.length === 0, index };
}

/**
 * Reads the answer to a wait.
 *
 * @throws {Etcd2Error} `outrun` when the history has gone on too far [P15]; else as {@link readList}. An
 *   answer without an event, as of a server that stops, is `unavailable`.
 *
 * Pure.
 */
export function readEvent(answer: Etcd2Answer, side: Etcd2Side): Etcd2Event {
  const body = parseJson(answer.text);
  if (answer.status === 200 && answer.text.trim() === '') {
    throw new Etcd2Error('unavailable', `etcd at ${side.member} ended a watch`);
  }
  assertSuccess(answer, body, side);
  const parsed = EVENT.safeParse(body);
  if (!parsed.success) throw misshapen('an event of another shape', side.member);
  const { action, node } = parsed.data;
  const { key, value = '', dir = false } = node;
  const index = String(node.modifiedIndex);
  switch (action) {
    case 'set':
    case 'create':
    case 'update':
    case 'compareAndSwap':
      return dir ? { kind: 'directory', key, value: '', index } : { kind: 'put', key, value, index };
    case 'delete':
    case 'expire':
    case 'compareAndDelete':
      return { kind: 'remove', key, value: '', index };
  }
}

/** The JSON of a text; undefined where it is none. Pure. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function assertSuccess(answer: Etcd2Answer, body: unknown, side: Etcd2Side): void {
  if (answer.status !== 200 || codeOf(body) !== undefined) throw refusalOf(answer, body, side);
  if (body === undefined) throw misshapen(answer.contentType ?? 'what is no JSON', side.member);
}
