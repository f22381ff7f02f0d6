import { closeSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { LinkClient, LinkSocket } from './link-client.ts';

/** Linux: see netlink(7), rtnetlink(7), socket(2), recv(2), errno(3). */
const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const NETLINK_ROUTE = 0;
const RTMGRP_LINK = 1;
const SOCKADDR_NL_BYTES = 12;
const MSG_DONTWAIT = 0x40;
const ENOBUFS = 105;

/** A message has some kilobytes at most. */
const BUFFER_BYTES = 32 * 1024;

/** The part of the foreign-function library that is used; its own types answer `any`. */
interface ForeignFunctions {
  load(path: string | null): { func(definition: string): (...values: readonly unknown[]) => unknown };
  errno(): number;
}

/** Makes the client of this host's kernel; opens nothing yet. Needs no privilege. */
export function createLinkClient(): LinkClient {
  return {
    open: () => {
      if (process.platform !== 'linux') return undefined;
      try {
        return openSocket(createRequire(import.meta.url)('koffi') as ForeignFunctions);
      } catch {
        return undefined;
      }
    },
  };
}

function openSocket(library: ForeignFunctions): LinkSocket | undefined {
  const libc = library.load(null);
  const socket = libc.func('int socket(int domain, int type, int protocol)');
  const bind = libc.func('int bind(int, const void *address, uint32_t size)');
  const recv = libc.func('intptr_t recv(int, void *bytes, size_t count, int flags)');
  const fd = Number(socket(AF_NETLINK, SOCK_RAW_CLOEXEC, NETLINK_ROUTE));
  if (fd < 0) return undefined;
  const address = Buffer.alloc(SOCKADDR_NL_BYTES);
  address.writeUInt16LE(AF_NETLINK, 0);
  address.writeUInt32LE(RTMGRP_LINK, 8);
  if (bind(fd, address, address.byteLength) !== 0) {
    closeSync(fd);
    return undefined;
  }
  const buffer = Buffer.alloc(BUFFER_BYTES);
  let isOpen = true;
  return {
    read: () => {
      const count = Number(recv(fd, buffer, buffer.byteLength, MSG_DONTWAIT));
      if (count > 0) return buffer.subarray(0, count);
      return count < 0 && library.errno() === ENOBUFS ? 'overrun' : undefined;
    },
    close: () => {
      if (isOpen) closeSync(fd);
      isOpen = false;
    },
  };
}
