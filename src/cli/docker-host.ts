import { parsePort } from '../domain/address.ts';
import { printable } from '../domain/printable.ts';
import type { Port } from '../domain/address.ts';
import type { Reading } from './option-value.ts';

/** The port of Docker's API where none is given. */
const PORT_DEFAULT = 2375 as Port;

/** Where Docker's API is. */
export type DockerHost =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: Port };

/**
 * Reads the address of Docker's API as `DOCKER_HOST` has it: `unix:///PATH`, `tcp://HOST[:PORT]`, and `http`
 * for `tcp`. TLS is told apart, because this version cannot speak it.
 *
 * Pure. {@link formatDockerHost} is its inverse.
 */
export function parseDockerHost(text: string): Reading<DockerHost> {
  const unix = /^unix:\/\/(\/.*)$/.exec(text);
  if (unix?.[1] !== undefined) return { ok: true, value: { kind: 'unix', path: unix[1] } };
  const tcp = /^(?:tcp|http):\/\/(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]+))?\/?$/.exec(text);
  const [, host, portText] = tcp ?? [];
  if (host !== undefined) {
    const port = portText === undefined ? PORT_DEFAULT : parsePort(portText);
    if (port !== undefined)
      return { ok: true, value: { kind: 'tcp', host: host.replace(/^\[|\]$/g, ''), port } };
  }
  const wanted = 'unix:///PATH or tcp://HOST:PORT';
  // What stands before an @ may be a password, and this is read by others.
  const shown = printable(text.replace(/\/\/.*@/s, '//…@'));
  if (text.startsWith('https://')) {
    const message = `'${shown}': TLS to Docker is not available in this version; use ${wanted}`;
    return { ok: false, faults: [{ message }] };
  }
  const message = `'${shown}' is not ${wanted}`;
  return { ok: false, faults: [{ message }] };
}

/** Writes the address so that {@link parseDockerHost} reads it back. Pure. */
export function formatDockerHost(at: DockerHost): string {
  switch (at.kind) {
    case 'unix':
      return `unix://${at.path}`;
    case 'tcp': {
      const host = at.host.includes(':') ? `[${at.host}]` : at.host;
      return `tcp://${host}:${at.port}`;
    }
  }
}
