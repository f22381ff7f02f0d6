import { closeSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { LinkClient, LinkSocket } from './link-client.ts';
import type { NetfilterClient, NetfilterSocket } from './netfilter-client.ts';

/** Linux: see netlink(7), rtnetlink(7), socket(2), recv(2), errno(3). */
const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const NETLINK_ROUTE = 0;
const NETLINK_NETFILTER = 12;
const RTMGRP_LINK = 1;
const SOCKADDR_NL_BYTES = 12;
const MSG_DONTWAIT = 0x40;
const ENOBUFS = 105;

/** The kernel gives no more at a time. See Linux, net/netlink/af_netlink.c, `netlink_dump`. */
const BUFFER_BYTES = 32 * 1024;

/** The part of the foreign-function library that is used; its own types answer `any`. */
interface ForeignFunctions {
  load(path: string | null): { func(definition: string): (...values: readonly unknown[]) => unknown };
  errno(): number;
}

/** Makes the client that is told of links; opens nothing yet. Needs no privilege. */
export function createLinkClient(): LinkClient {
  return {
    open: () => {
      const opened = openSocket({ protocol: NETLINK_ROUTE, groups: RTMGRP_LINK });
      return opened && linkSocket(opened);
    },
  };
}

/** Makes the client that asks netfilter; opens nothing yet. Needs CAP_NET_ADMIN. */
export function createNetfilterClient(): NetfilterClient {
  return {
    open: () => {
      const opened = openSocket({ protocol: NETLINK_NETFILTER, groups: 0 });
      return opened && netfilterSocket(opened);
    },
    pause: async () => {
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

/** A netlink socket of this process. */
interface Opened {
  readonly send: (bytes: Uint8Array) => boolean;
  /** Without waiting; a number is one of errno. */
  readonly receive: () => Uint8Array | number;
  readonly close: () => void;
}

function linkSocket({ receive, close }: Opened): LinkSocket {
  return {
    read: () => {
      const received = receive();
      if (typeof received !== 'number') return received;
      return received === ENOBUFS ? 'overrun' : undefined;
    },
    close,
  };
}

function netfilterSocket({ send, receive, close }: Opened): NetfilterSocket {
  return {
    send,
    read: () => {
      const received = receive();
      return typeof received === 'number' ? undefined : received;
    },
    close,
  };
}

/** Undefined where there is no netlink, no build of the library for this machine, or no right to it. */
function openSocket(way: { readonly protocol: number; readonly groups: number }): Opened | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    return open(createRequire(import.meta.url)('koffi') as ForeignFunctions, way);
  } catch {
    return undefined;
  }
}

function open(
  library: ForeignFunctions,
  { protocol, groups }: { readonly protocol: number; readonly groups: number },
): Opened | undefined {
  const { socket, bind, send, recv } = systemCalls(library);
  const fd = Number(socket(AF_NETLINK, SOCK_RAW_CLOEXEC, protocol));
  if (fd < 0) return undefined;
  const address = Buffer.alloc(SOCKADDR_NL_BYTES);
  address.writeUInt16LE(AF_NETLINK, 0);
  address.writeUInt32LE(groups, 8);
  if (bind(fd, address, address.byteLength) !== 0) {
    closeSync(fd);
    return undefined;
  }
  const buffer = Buffer.alloc(BUFFER_BYTES);
  let isOpen = true;
  return {
    send: (bytes) => Number(send(fd, bytes, bytes.byteLength, MSG_DONTWAIT)) === bytes.byteLength,
    receive: () => {
      const count = Number(recv(fd, buffer, buffer.byteLength, MSG_DONTWAIT));
      return count > 0 ? buffer.subarray(0, count) : library.errno();
    },
    close: () => {
      if (isOpen) closeSync(fd);
      isOpen = false;
    },
  };
}

type SystemCalls = Readonly<
  Record<'socket' | 'bind' | 'send' | 'recv', (...values: readonly unknown[]) => unknown>
>;

let known: SystemCalls | undefined;

/** Looked up once: the library keeps what it has made. */
function systemCalls(library: ForeignFunctions): SystemCalls {
  if (known !== undefined) return known;
  const libc = library.load(null);
  known = {
    socket: libc.func('int socket(int domain, int type, int protocol)'),
    bind: libc.func('int bind(int, const void *address, uint32_t size)'),
    send: libc.func('intptr_t send(int, const void *bytes, size_t count, int flags)'),
    recv: libc.func('intptr_t recv(int, void *bytes, size_t count, int flags)'),
  };
  return known;
}
