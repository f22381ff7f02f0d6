import assert from 'node:assert/strict';
import { parseIpAddress, parsePort } from '../../src/domain/address.ts';
import { OWN_TRAFFIC_MARK } from '../../src/ports/redirector.ts';
import { at } from './addresses.ts';
import type { IpAddress, Port } from '../../src/domain/address.ts';
import type { BoundPort, DnatCapture, RedirectCapture } from '../../src/ports/redirector.ts';

/** The mark of our own connections, as a packet has it. */
export const OWN_MARK = OWN_TRAFFIC_MARK;

/** What a test wants beside interfaces and addresses; texts are `source port`. */
export interface CaptureWishes {
  readonly bound?: readonly string[];
  readonly localPorts?: readonly number[];
  readonly listeners?: readonly string[];
}

/** A capture of some interfaces, with a listener on port 9999 of each virtual IP unless told. */
export function captureOf(
  interfaces: readonly string[],
  addresses = ['172.17.0.1'],
  wishes: CaptureWishes = {},
): DnatCapture {
  const virtualIps = addresses.map(addressOf);
  return {
    kind: 'dnat',
    interfaces,
    virtualIps,
    listeners: wishes.listeners?.map(at) ?? virtualIps.map((address) => ({ address, port: portOf(9999) })),
    bound: wishes.bound?.map(boundOf),
    localPorts: (wishes.localPorts ?? []).map(portOf),
  };
}

/** A capture of what arrives in a namespace, IPv4 unless told, with the listener on port 9999. */
export function redirectOf(
  addresses: readonly string[] = [],
  wishes: Partial<Pick<RedirectCapture, 'families'>> & Pick<CaptureWishes, 'bound'> = {},
): RedirectCapture {
  return {
    kind: 'redirect',
    families: wishes.families ?? [4],
    virtualIps: addresses.map(addressOf),
    port: portOf(9999),
    bound: wishes.bound?.map(boundOf),
  };
}

function boundOf(text: string): BoundPort {
  const [source = '', port] = text.split(' ');
  return { source: source === '*' ? '*' : addressOf(source), port: portOf(Number(port)) };
}

function addressOf(text: string): IpAddress {
  const address = parseIpAddress(text);
  assert(address !== undefined, `${text} is an address`);
  return address;
}

function portOf(number: number): Port {
  const port = parsePort(number);
  assert(port !== undefined, `${number} is a port`);
  return port;
}
