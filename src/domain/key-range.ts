import { wildcardOffset } from './service-name.ts';
import type { ServiceName } from './service-name.ts';

/** The keys of one service. */
export interface KeyRange {
  /** What etcd is asked for: every key of the service begins so, and perhaps others. */
  readonly prefix: string;
  /** Whether a key of the prefix belongs to the service. */
  matches(key: string): boolean;
}

/**
 * Tells which keys are endpoints of a service: those below it, at any depth. etcd's keys are flat, so the
 * prefix ends in a slash, or `/prod/web` would also match `/prod/web2` [D07].
 *
 * @param service - `*` stands for exactly one path segment.
 *
 * Pure.
 */
export function keyRangeOf(service: ServiceName): KeyRange {
  const wildcard = wildcardOffset(service);
  if (wildcard === undefined) {
    const prefix = `${service}/`;
    return { prefix, matches: (key) => key.length > prefix.length && key.startsWith(prefix) };
  }
  const wanted = service.split('/');
  return {
    prefix: service.slice(0, wildcard),
    matches: (key) => {
      const segments = key.split('/');
      if (segments.length <= wanted.length || segments[wanted.length] === '') return false;
      return wanted.every((segment, index) => {
        return segment === '*' ? segments[index] !== '' : segment === segments[index];
      });
    },
  };
}
