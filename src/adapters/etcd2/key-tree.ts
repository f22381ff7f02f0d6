import { keyRangeOf } from '../../domain/key-range.ts';
import type { KeyRange } from '../../domain/key-range.ts';
import type { ServiceName } from '../../domain/service-name.ts';
import type { KeyEvent } from '../../ports/document-table.ts';
import type { Etcd2Event } from './etcd2-answer.ts';

/** The part of the tree that one service is: etcd v2's keys are paths, and begin with a slash. */
export interface ServiceTree {
  /** The directory to ask for. */
  readonly path: string;
  /** Whether a key of it belongs to the service. */
  matches(key: string): boolean;
}

/** The part of the tree that is a service. Pure. */
export function serviceTreeOf(service: ServiceName): ServiceTree {
  const range = rootedRangeOf(service);
  return { path: range.prefix.slice(0, -1) || '/', matches: (key) => range.matches(key) };
}

/** The deepest directory that holds both. Pure. */
export function commonPath(a: string, b: string): string {
  const others = b.split('/');
  const own = a.split('/');
  const differ = own.findIndex((segment, index) => segment !== others[index]);
  return differ < 0 ? a : own.slice(0, differ).join('/') || '/';
}

/**
 * Whether an event may have changed a service. etcd tells a watch also of directories beside it whose name
 * its own path begins with, so that each event is looked at.
 *
 * Pure.
 */
export function touches(event: Etcd2Event, tree: ServiceTree): boolean {
  const { kind, key } = event;
  if (kind === 'put') return tree.matches(key);
  return isWithin(key, tree.path) || (kind === 'remove' && isWithin(tree.path, key));
}

/**
 * What an event means for single keys: what goes with a directory goes key by key.
 *
 * @param known - The keys there were.
 *
 * Pure.
 */
export function keyEventsOf(
  event: Etcd2Event,
  tree: ServiceTree,
  known: readonly string[],
): readonly KeyEvent[] {
  const { kind, key, value } = event;
  switch (kind) {
    case 'put':
      return tree.matches(key) ? [{ kind: 'put', key, value }] : [];
    case 'directory':
      // One may be set where a value was.
      return known.includes(key) ? [{ kind: 'delete', key }] : [];
    case 'remove':
      return known.filter((one) => isWithin(one, key)).map((one) => ({ kind: 'delete', key: one }));
  }
}

/** Whether a path is a directory or below it. */
function isWithin(path: string, directory: string): boolean {
  return directory === '/' || path === directory || path.startsWith(`${directory}/`);
}

function rootedRangeOf(service: ServiceName): KeyRange {
  const range = keyRangeOf(service);
  if (service.startsWith('/')) return range;
  return { prefix: `/${range.prefix}`, matches: (key) => range.matches(key.slice(1)) };
}
