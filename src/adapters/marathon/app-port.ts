import { parsePort } from '../../domain/address.ts';
import type { Port } from '../../domain/address.ts';
import type { ServiceName } from '../../domain/service-name.ts';

/** An app and one of its container ports. */
export interface AppPort {
  /** With a leading slash, e.g. `/product/web/frontend`. */
  readonly app: string;
  readonly port: Port;
}

/**
 * Reads a service's name as Marathon's: `/product/web/frontend/80` is container port 80 of the app
 * `/product/web/frontend` [C1, D07].
 *
 * @returns Undefined when it does not end in a port behind an app's id.
 *
 * Pure.
 */
export function appPortOf(service: ServiceName): AppPort | undefined {
  const slash = service.lastIndexOf('/');
  const app = service.slice(0, Math.max(0, slash));
  const port = parsePort(service.slice(slash + 1));
  if (port === undefined || app === '' || app === '/') return undefined;
  return { app: app.startsWith('/') ? app : `/${app}`, port };
}
