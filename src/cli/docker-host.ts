import { parsePort } from '../domain/address.ts';
import { printable } from '../domain/printable.ts';
import type { Port } from '../domain/address.ts';
import type { Reading } from './option-value.ts';

/** The ports of Docker's API without and with TLS. */
const PORT_PLAIN = 2375 as Port;
const PORT_TLS = 2376 as Port;

/** Where Docker's API is. */
export type DockerHost =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: Port; readonly tls: boolean };

/**
 * Reads the address of Docker's API as `DOCKER_HOST` has it: `unix:///PATH`, `tcp://HOST[:PORT]`, and `http`
 * or `https` for `tcp`.
 *
 * Pure. {@link formatDockerHost} is its inverse.
 */
export function parseDockerHost(text: string): Reading<DockerHost> {
  const unix = /^unix:\/\/(\/.*)$/.exec(text);
  if (unix?.[1] !== undefined) return { ok: true, value: { kind: 'unix', path: unix[1] } };
  const tcp = /^(tcp|http|https):\/\/(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]+))?\/?$/.exec(text);
  const [, scheme, host, portText] = tcp ?? [];
  if (scheme !== undefined && host !== undefined) {
    const tls = scheme === 'https';
    const port = portText === undefined ? defaultPort(tls) : parsePort(portText);
    if (port !== undefined) {
      return { ok: true, value: { kind: 'tcp', host: host.replace(/^\[|\]$/g, ''), port, tls } };
    }
  }
  const message = `'${printable(text)}' is not unix:///PATH or tcp://HOST:PORT`;
  return { ok: false, faults: [{ message }] };
}

/** Writes the address so that {@link parseDockerHost} reads it back. Pure. */
export function formatDockerHost(at: DockerHost): string {
  switch (at.kind) {
    case 'unix':
      return `unix://${at.path}`;
    case 'tcp': {
      const host = at.host.includes(':') ? `[${at.host}]` : at.host;
      return `${at.tls ? 'https' : 'tcp'}://${host}:${at.port}`;
    }
  }
}

function defaultPort(tls: boolean): Port {
  return tls ? PORT_TLS : PORT_PLAIN;
}
