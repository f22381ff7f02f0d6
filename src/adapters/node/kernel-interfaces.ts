import { networkInterfaces } from 'node:os';
import { foreignFunctions } from './foreign-functions.ts';
import type { ForeignFunctions } from './foreign-functions.ts';

/** Linux: AF_INET with its sockaddr_in, AF_INET6 with its sockaddr_in6; sizes and places in bytes. */
const AF_INET = { number: 2, size: 16, from: 4, to: 8 };
const AF_INET6 = { number: 10, size: 28, from: 8, to: 24 };

/** Administratively up; see netdevice(7). */
const IFF_UP = 0x1;

/** An address of an interface that is up, as text: `172.17.0.1`, or all eight groups of an IPv6 one. */
export interface InterfaceAddress {
  readonly interfaceName: string;
  readonly address: string;
}

/** One link of the list, `struct ifaddrs`; its first four members are all that is read. */
interface Entry {
  readonly next: unknown;
  readonly name: string;
  readonly flags: number;
  readonly address: unknown;
}

type List = () => readonly InterfaceAddress[];

let found: List | undefined;

/**
 * Lists the addresses of this host's interfaces that are up, with a carrier or without: Docker's bridge has
 * none until its first container starts, and Node's own list leaves such an interface out. Where this
 * platform cannot ask, Node's list serves.
 *
 * Asks the kernel each time, in its order.
 *
 * @see getifaddrs(3); libuv, uv__ifaddr_exclude, which wants IFF_RUNNING.
 */
export function kernelInterfaces(): readonly InterfaceAddress[] {
  found ??= load() ?? listOfNode;
  return found();
}

function load(): List | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    return bind(foreignFunctions());
  } catch {
    return undefined;
  }
}

function bind(library: ForeignFunctions): List {
  const libc = library.load(null);
  const getifaddrs = libc.func('int getifaddrs(_Out_ void **list)');
  const freeifaddrs = libc.func('void freeifaddrs(void *list)');
  const entry = library.struct({
    next: 'void *',
    name: 'const char *',
    flags: 'unsigned int',
    address: 'void *',
  });
  return () => {
    const list: [unknown] = [null];
    if (getifaddrs(list) !== 0) return listOfNode();
    const addresses: InterfaceAddress[] = [];
    for (let at: unknown = list[0]; at !== null;) {
      const { next, name, flags, address } = library.decode(at, entry) as Entry;
      const text = (flags & IFF_UP) === 0 || address === null ? undefined : addressText(library, address);
      if (text !== undefined) addresses.push({ interfaceName: name, address: text });
      at = next;
    }
    freeifaddrs(list[0]);
    return addresses;
  };
}

function addressText(library: ForeignFunctions, pointer: unknown): string | undefined {
  const number = library.decode(pointer, 'uint16');
  const family = [AF_INET, AF_INET6].find((known) => known.number === number);
  if (family === undefined) return undefined;
  const sockaddr = Buffer.from(library.decode(pointer, library.array('uint8', family.size)) as Uint8Array);
  const bytes = sockaddr.subarray(family.from, family.to);
  if (family === AF_INET) return bytes.join('.');
  const groups = Array.from({ length: bytes.length / 2 }, (_, index) => bytes.readUInt16BE(2 * index));
  return groups.map((group) => group.toString(16)).join(':');
}

function listOfNode(): readonly InterfaceAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([interfaceName, entries = []]) =>
    entries.map(({ address }) => ({ interfaceName, address })),
  );
}
