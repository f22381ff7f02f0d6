import { closeSync } from 'node:fs';
import { foreignFunctions } from './foreign-functions.ts';
import type { AddressFamily } from '../../domain/address.ts';
import type { ForeignFunctions } from './foreign-functions.ts';

/** Linux: never wait, and no signal where the peer is gone; see send(2). */
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;

/** Linux: AF_INET and AF_INET6; a stream that never waits and is not inherited. See socket(2). */
const DOMAINS: Readonly<Record<AddressFamily, number>> = { 4: 2, 6: 10 };
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;

/** SOL_SOCKET, SO_REUSEADDR, as libuv sets it; IPPROTO_IPV6, IPV6_FREEBIND; the size of a sockaddr_in6. */
const SO_REUSEADDR: SocketOption = { level: 1, name: 2 };
const IPV6_FREEBIND: SocketOption = { level: 41, name: 78 };
const SOCKADDR_IN6_BYTES = 28;

/** SOL_SOCKET, SO_LINGER; its value of "on, 0 s" is two integers. */
const SO_LINGER: SocketOption = { level: 1, name: 13 };
const LINGER_NOT = new Int32Array([1, 0]);

/** The calls on a socket's descriptor that Node does not offer. */
export interface SocketCalls {
  /**
   * Reads an option into a buffer.
   *
   * @returns 0, or the error number.
   *
   * @see getsockopt(2)
   */
  getOption(fd: number, option: SocketOption, into: Uint8Array): number;
  /**
   * Sets an option that is one integer.
   *
   * @returns 0, or the error number.
   *
   * @see setsockopt(2)
   */
  setOption(fd: number, option: SocketOption, value: number): number;
  /**
   * Makes the close of the descriptor a reset: what was not sent is dropped.
   *
   * @returns 0, or the error number.
   *
   * @see socket(7), SO_LINGER with a time of 0.
   */
  resetOnClose(fd: number): number;
  /**
   * Hands bytes to the kernel, as many as it takes now.
   *
   * @returns How many it took; less than 0 when none, be it that it is full or the connection is lost.
   *
   * @see send(2)
   */
  send(fd: number, buffer: Uint8Array, count: number): number;
  /**
   * Opens a TCP socket that is not connected yet, for an option that must be set before its first packet.
   *
   * @returns Its descriptor, which is the caller's; or the negative error number.
   *
   * @see socket(2)
   */
  openTcp(family: AddressFamily): number;
  /**
   * Opens a TCP socket bound to an IPv6 address of this host that cannot be used yet: one of a bridge without
   * a member stays tentative until the first container is there.
   *
   * @param address - Its sixteen bytes.
   * @returns Its descriptor, which is the caller's, for `listen`; or the negative error number.
   *
   * @see ipv6(7), IPV6_FREEBIND; RFC 4862 section 5.4 on tentative addresses.
   */
  openEarly(address: Uint8Array, port: number): number;
}

/** One option of a socket, e.g. TCP_USER_TIMEOUT. */
export interface SocketOption {
  readonly level: number;
  readonly name: number;
}

/** Thrown when this platform has no such calls: not Linux, or the library has no build for it. */
export class SocketCallsUnavailableError extends Error {
  override readonly name = 'SocketCallsUnavailableError';

  constructor(why: string, options?: { readonly cause?: unknown }) {
    super(`socket options beyond Node's are not available: ${why}`, options);
  }
}

let found: SocketCalls | SocketCallsUnavailableError | undefined;

/**
 * Gives the socket calls; the library is loaded by the first call and kept.
 *
 * @throws {SocketCallsUnavailableError} This platform has none; trying again does not help.
 */
export function socketCalls(): SocketCalls {
  found ??= loadHere();
  if (found instanceof SocketCallsUnavailableError) throw found;
  return found;
}

/** As {@link socketCalls}, but undefined where this platform has none and the caller can do without. */
export function socketCallsIfAny(): SocketCalls | undefined {
  found ??= loadHere();
  return found instanceof SocketCallsUnavailableError ? undefined : found;
}

/**
 * Binds the calls of a platform.
 *
 * @param platform - As Node names it, e.g. `linux`.
 * @param library - Loads the foreign-function library; may throw where it has no build for this machine.
 * @returns The calls, or why there are none; the library is loaded on Linux alone.
 */
export function loadSocketCalls(
  platform: string,
  library: () => Pick<ForeignFunctions, 'load' | 'errno'>,
): SocketCalls | SocketCallsUnavailableError {
  if (platform !== 'linux') return new SocketCallsUnavailableError(`${platform} is not Linux`);
  try {
    return bind(library());
  } catch (cause) {
    return new SocketCallsUnavailableError(String(cause), { cause });
  }
}

function loadHere(): SocketCalls | SocketCallsUnavailableError {
  return loadSocketCalls(process.platform, foreignFunctions);
}

function bind(library: Pick<ForeignFunctions, 'load' | 'errno'>): SocketCalls {
  const libc = library.load(null);
  const getsockopt = libc.func('int getsockopt(int, int level, int name, void *value, void *length)');
  const setsockopt = libc.func('int setsockopt(int, int level, int name, const void *value, uint32_t size)');
  const socket = libc.func('int socket(int domain, int type, int protocol)');
  const bindSocket = libc.func('int bind(int, const void *address, uint32_t size)');
  const bindTo = (fd: number, at: Uint8Array): boolean => bindSocket(fd, at, at.byteLength) !== 0;
  const send = libc.func('intptr_t send(int, const void *bytes, size_t count, int flags)');
  const integer = new Int32Array(1);
  const length = new Uint32Array(1);
  const set = (fd: number, option: SocketOption, value: Int32Array): number =>
    setsockopt(fd, option.level, option.name, value, value.byteLength) === 0 ? 0 : library.errno();
  return {
    getOption(fd, option, into) {
      length[0] = into.length;
      return getsockopt(fd, option.level, option.name, into, length) === 0 ? 0 : library.errno();
    },
    setOption(fd, option, value) {
      integer[0] = value;
      return set(fd, option, integer);
    },
    resetOnClose(fd) {
      return set(fd, SO_LINGER, LINGER_NOT);
    },
    send(fd, buffer, count) {
      return Number(send(fd, buffer, count, MSG_DONTWAIT | MSG_NOSIGNAL));
    },
    openEarly(address, port) {
      const fd = Number(socket(DOMAINS[6], SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      if (fd < 0) return -library.errno();
      const at = Buffer.alloc(SOCKADDR_IN6_BYTES);
      at.writeUInt16LE(DOMAINS[6], 0);
      at.writeUInt16BE(port, 2);
      at.set(address, 8);
      const one = new Int32Array([1]);
      const refused = set(fd, SO_REUSEADDR, one) || set(fd, IPV6_FREEBIND, one);
      const error = refused === 0 && bindTo(fd, at) ? library.errno() : refused;
      if (error === 0) return fd;
      closeSync(fd);
      return -error;
    },
    openTcp(family) {
      const fd = Number(socket(DOMAINS[family], SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      return fd >= 0 ? fd : -library.errno();
    },
  };
}
