import { existsSync } from 'node:fs';

import Docker from 'dockerode';

const DEFAULT_SOCKET = '/var/run/docker.sock';
const PING_TIMEOUT_MS = 5000;

/**
 * `mayStart` is false where the person named an engine: starting another would not be what they asked for.
 */
export type EngineSearch =
  | { readonly kind: 'found'; readonly socketPath: string }
  | { readonly kind: 'absent'; readonly reason: string; readonly mayStart: boolean };

/**
 * Looks for a Docker engine of this machine that answers.
 *
 * @param dockerHost - DOCKER_HOST; only `unix://` will do, because the suites mount this checkout into
 *   containers
 */
export async function findEngine(dockerHost: string | undefined): Promise<EngineSearch> {
  if (dockerHost !== undefined && dockerHost !== '') {
    if (!dockerHost.startsWith('unix://')) {
      return { kind: 'absent', reason: 'DOCKER_HOST names an engine that is not local', mayStart: false };
    }
    const socketPath = dockerHost.slice('unix://'.length);
    return (await answers(socketPath))
      ? { kind: 'found', socketPath }
      : { kind: 'absent', reason: `no Docker engine answers at ${dockerHost}`, mayStart: false };
  }
  return (await answers(DEFAULT_SOCKET))
    ? { kind: 'found', socketPath: DEFAULT_SOCKET }
    : { kind: 'absent', reason: `no Docker engine answers at ${DEFAULT_SOCKET}`, mayStart: true };
}

/** Tells whether an engine answers on a socket, within five seconds. */
export async function answers(socketPath: string): Promise<boolean> {
  if (!existsSync(socketPath)) {
    return false;
  }
  try {
    await new Docker({ socketPath, timeout: PING_TIMEOUT_MS }).ping();
    return true;
  } catch {
    return false;
  }
}
