import { readFileSync } from 'node:fs';
import { familyOf, isUnspecified, parseIpAddress, parsePort } from '../../domain/address.ts';
import type { AddressFamily, IpAddress, Port } from '../../domain/address.ts';

/** The kernel's tables of TCP sockets in our network namespace. */
const TABLES = ['/proc/net/tcp', '/proc/net/tcp6'];

/** The state of a listening socket. See Linux, include/net/tcp_states.h. */
const TCP_LISTEN = '0A';

/**
 * Tells the TCP ports at which a socket of this network namespace listens for some of these addresses, by
 * name or because it listens at all addresses. Sorted and distinct; empty where the kernel does not tell.
 *
 * Reads two files of the kernel at each call.
 */
export function listeningPorts(addresses: readonly IpAddress[]): readonly Port[] {
  const ports = TABLES.flatMap((path) => listeningSockets(readTable(path)))
    .filter((socket) => addresses.some((address) => answersAt(socket, address)))
    .map(({ port }) => port);
  return [...new Set(ports)].sort((a, b) => a - b);
}

/** A listening socket as the kernel's table has it. */
export interface ListeningSocket {
  readonly address: IpAddress;
  readonly port: Port;
}

/**
 * Reads a table of TCP sockets and gives those that listen.
 *
 * @param table - The text of `/proc/net/tcp` or `/proc/net/tcp6`; lines of another shape are passed over.
 *
 * Pure. Addresses stand there as words in the byte order of the machine, which is taken to be little-endian.
 *
 * @see proc_net_tcp.txt of the kernel's documentation.
 */
export function listeningSockets(table: string): readonly ListeningSocket[] {
  return table.split('\n').flatMap((line) => {
    const match = /^\s*\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) \S+ ([0-9A-F]{2}) /.exec(line);
    const [, words = '', portText = '', state] = match ?? [];
    if (state !== TCP_LISTEN) return [];
    const address = parseIpAddress(addressText(words));
    const port = parsePort(Number.parseInt(portText, 16));
    if (address === undefined || port === undefined) return [];
    return [{ address, port }];
  });
}

/** A socket at `::` mostly takes IPv4, too; saying so of one that doesn't is the lesser fault. */
function answersAt(socket: ListeningSocket, address: IpAddress): boolean {
  if (socket.address === address) return true;
  const families: readonly AddressFamily[] = familyOf(socket.address) === 6 ? [4, 6] : [4];
  return isUnspecified(socket.address) && families.includes(familyOf(address));
}

function addressText(words: string): string {
  const bytes = Buffer.from(words, 'hex').swap32();
  if (bytes.length === 4) return bytes.join('.');
  return Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16)).join(':');
}

function readTable(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
