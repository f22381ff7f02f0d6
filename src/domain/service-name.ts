/** The longest service name; etcd and Consul keys of real deployments stay far below it. */
const SERVICE_NAME_LENGTH_MAX = 512;

/** What may not stand in a service name: all but letters, digits, `/ . - _` and `*` [C1]. */
const FOREIGN_CHARACTER = /[^A-Za-z0-9/.\-_*]/u;

/** The key of a service in discovery, e.g. `/services/prod/redis` or `frontend_http`. Parsed, canonical. */
export type ServiceName = string & { readonly __brand: 'ServiceName' };

/** A reason why a text is not a service name, at a 0-based offset into it. */
export interface ServiceNameFault {
  readonly offset: number;
  readonly message: string;
}

/**
 * Reads a service name [C1].
 *
 * @param text - The text before the tags; a trailing slash is dropped, so that `/a/` and `/a` are one
 *   service.
 * @returns The canonical name, or every fault with its offset.
 *
 * Pure.
 */
export function parseServiceName(
  text: string,
):
  | { readonly ok: true; readonly value: ServiceName }
  | { readonly ok: false; readonly faults: ServiceNameFault[] } {
  const faults: ServiceNameFault[] = [];
  const name = text.replace(/(?<=[^/])\/+$/, '');
  if (name === '' || name === '/') faults.push({ offset: 0, message: 'the service name is empty' });
  if (name.length > SERVICE_NAME_LENGTH_MAX) {
    faults.push({
      offset: SERVICE_NAME_LENGTH_MAX,
      message: `the service name is longer than ${SERVICE_NAME_LENGTH_MAX} characters`,
    });
  }
  const foreign = FOREIGN_CHARACTER.exec(name);
  if (foreign !== null) {
    faults.push({
      offset: foreign.index,
      message: `'${foreign[0]}' cannot stand in a service name (letters, digits, / . - _ and * can)`,
    });
  }
  const doubled = name.indexOf('//');
  if (doubled >= 0)
    faults.push({ offset: doubled + 1, message: 'a path segment of the service name is empty' });
  const partial = /[^/]\*|\*[^/]/.exec(name);
  if (partial !== null) {
    faults.push({ offset: name.indexOf('*', partial.index), message: "'*' must be a whole path segment" });
  }
  return faults.length === 0 ? { ok: true, value: name as ServiceName } : { ok: false, faults };
}

/** The 0-based offset of the first `*` of a name, or undefined when it names one service exactly. Pure. */
export function wildcardOffset(service: ServiceName): number | undefined {
  const offset = service.indexOf('*');
  return offset < 0 ? undefined : offset;
}
