import { isMainThread } from 'node:worker_threads';
import { foreignFunctions } from '../foreign-functions.ts';
import { AF_INET, AF_INET6, SO_ERROR, SO_LINGER, SOL_SOCKET } from './socket-options.ts';
import type { AddressFamily } from '../../../domain/address.ts';
import type { ForeignFunctions } from '../foreign-functions.ts';

/** UV_POLL of libuv's uv_handle_type. */
const UV_POLL = 8;

/** UV_READABLE of libuv's uv_poll_event. */
const UV_READABLE = 1;

/**
 * The calls of the kernel by which this process moves bytes itself. Each gives what the kernel gives, or the
 * negative error number.
 *
 * @see The page of section 2 of the manual with the same name.
 */
export interface Kernel {
  /** Opens a TCP socket that never waits and is not inherited. */
  openTcp(family: AddressFamily): number;
  bind(fd: number, address: Uint8Array): number;
  listen(fd: number, backlog: number): number;
  /** @param peer - Becomes the other side's `sockaddr`. */
  accept(fd: number, peer: Uint8Array): number;
  connect(fd: number, to: Uint8Array): number;
  /** @param into - Becomes our side's `sockaddr`. */
  getsockname(fd: number, into: Uint8Array): number;
  /** Reads an option that is one integer, from a place in memory that the next call overwrites. */
  getOption(fd: number, level: number, name: number): number;
  /**
   * Reads an option that is a structure.
   *
   * @returns 0, or the negative error number.
   */
  getBytes(fd: number, level: number, name: number, into: Uint8Array): number;
  /** The error that the kernel keeps for a socket until somebody asks, as its negative number; 0: none. */
  takeError(fd: number): number;
  /** Sets an option that is one integer. */
  setOption(fd: number, level: number, name: number, value: number): number;
  recv(fd: number, into: Uint8Array, count: number): number;
  /** Sends without waiting, and without a signal where the peer is gone. */
  send(fd: number, bytes: Uint8Array, count: number): number;
  /** Moves bytes between a socket and a pipe, or back, without waiting. */
  splice(from: number, to: number, count: number): number;
  /** Opens a pipe for so many bytes, or what the kernel grants; undefined where none is to be had. */
  openPipe(bytes: number): { readonly readEnd: number; readonly writeEnd: number } | undefined;
  shutdownWrite(fd: number): number;
  /** Closes; the peer is told by a reset, and what was not sent is dropped. */
  reset(fd: number): void;
  close(fd: number): void;
  /** Opens a descriptor that stands for nothing, to be held in reserve. */
  openNothing(): number;
  epollCreate(): number;
  /**
   * Begins to watch a descriptor; its close ends it.
   *
   * @param event - A `struct epoll_event`.
   */
  epollAdd(epoll: number, fd: number, event: Uint8Array): number;
  /**
   * What is ready now, without waiting.
   *
   * @param events - Room for `count` of `struct epoll_event`, one after the other.
   */
  epollTake(epoll: number, events: Uint8Array, count: number): number;
  /** Has Node's own loop call back while a descriptor is readable; for as long as the process lives. */
  whenReadable(fd: number, callback: () => void): LoopWatch;
}

/** A descriptor that Node's loop looks at. */
export interface LoopWatch {
  /** Whether it keeps the process from ending, as an open socket does. */
  keepAlive(keeps: boolean): void;
}

/** Linux: sockets never wait, and are not inherited. See socket(2). */
const DOMAINS: Readonly<Record<AddressFamily, number>> = { 4: AF_INET, 6: AF_INET6 };
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;

/** See send(2). */
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;

/** See splice(2) and fcntl(2). */
const SPLICE_F_MOVE = 1;
const SPLICE_F_NONBLOCK = 2;
const F_SETPIPE_SZ = 1_031;

const SHUT_WR = 1;
const EPOLL_CTL_ADD = 1;

/** The value of SO_LINGER for "on, 0 s" is two integers. */
const LINGER_NOT = new Int32Array([1, 0]);

let found: Kernel | string | undefined;

/** Gives the calls; in words why there are none, where this platform lacks them. */
export function kernelHere(): Kernel | string {
  found ??= loadKernel(process.platform, foreignFunctions);
  return found;
}

/**
 * Binds the calls of a platform.
 *
 * @param library - Loads the foreign-function library; may throw where it has no build for this machine.
 * @returns The calls, or in words why there are none.
 *
 * libuv's functions are among what a Node program offers its native modules, and so stable.
 *
 * @see Node.js, "C++ addons", "Linking to libraries included with Node.js".
 */
export function loadKernel(platform: string, library: () => ForeignFunctions): Kernel | string {
  if (platform !== 'linux') return `${platform} is not Linux`;
  // The loop that libuv calls its default one is the main thread's.
  if (!isMainThread) return 'this is not the main thread';
  try {
    return bindKernel(library());
  } catch (cause) {
    return String(cause);
  }
}

function bindKernel(library: ForeignFunctions): Kernel {
  const self = library.load(null);
  const call = (definition: string): ((...values: readonly unknown[]) => number) =>
    self.func(definition) as (...values: readonly unknown[]) => number;
  const errno = (): number => -library.errno();
  const socket = call('int socket(int domain, int type, int protocol)');
  const bind = call('int bind(int, const void *address, uint32_t size)');
  const listen = call('int listen(int, int backlog)');
  const accept4 = call('int accept4(int, void *peer, void *size, int flags)');
  const connect = call('int connect(int, const void *address, uint32_t size)');
  const getsockname = call('int getsockname(int, void *into, void *size)');
  const getsockopt = call('int getsockopt(int, int level, int name, void *value, void *size)');
  const setsockopt = call('int setsockopt(int, int level, int name, const void *value, uint32_t size)');
  const recv = call('intptr_t recv(int, void *bytes, size_t count, int flags)');
  const send = call('intptr_t send(int, const void *bytes, size_t count, int flags)');
  const splice = call('intptr_t splice(int, void *, int, void *, size_t count, unsigned int flags)');
  const pipe2 = call('int pipe2(void *ends, int flags)');
  const fcntl = call('int fcntl(int, int command, int value)');
  const shutdown = call('int shutdown(int, int how)');
  const close = call('int close(int)');
  const open = call('int open(const char *path, int flags)');
  const epollCreate1 = call('int epoll_create1(int flags)');
  const epollCtl = call('int epoll_ctl(int epoll, int operation, int fd, void *event)');
  const epollWait = call('int epoll_wait(int epoll, void *events, int count, int timeout)');
  const whenReadable = bindLoop(library, self);
  const integer = new Int32Array(1);
  const size = new Uint32Array(1);
  const ends = new Int32Array(2);
  return {
    openTcp: (family) => orError(socket(DOMAINS[family], SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
    bind: (fd, address) => orError(bind(fd, address, address.length)),
    listen: (fd, backlog) => orError(listen(fd, backlog)),
    accept(fd, peer) {
      size[0] = peer.length;
      return orError(accept4(fd, peer, size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    },
    connect: (fd, to) => orError(connect(fd, to, to.length)),
    getsockname(fd, into) {
      size[0] = into.length;
      return orError(getsockname(fd, into, size));
    },
    getOption,
    takeError: (fd) => -Math.abs(getOption(fd, SOL_SOCKET, SO_ERROR)),
    getBytes(fd, level, name, into) {
      size[0] = into.length;
      return orError(getsockopt(fd, level, name, into, size));
    },
    setOption(fd, level, name, value) {
      integer[0] = value;
      return orError(setsockopt(fd, level, name, integer, integer.byteLength));
    },
    recv: (fd, into, count) => orError(recv(fd, into, count, MSG_DONTWAIT)),
    send: (fd, bytes, count) => orError(send(fd, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL)),
    splice: (from, to, count) =>
      orError(splice(from, null, to, null, count, SPLICE_F_MOVE | SPLICE_F_NONBLOCK)),
    openPipe(bytes) {
      if (pipe2(ends, SOCK_NONBLOCK | SOCK_CLOEXEC) < 0) return undefined;
      const [readEnd = -1, writeEnd = -1] = ends;
      fcntl(writeEnd, F_SETPIPE_SZ, bytes);
      return { readEnd, writeEnd };
    },
    shutdownWrite: (fd) => orError(shutdown(fd, SHUT_WR)),
    reset(fd) {
      setsockopt(fd, SOL_SOCKET, SO_LINGER, LINGER_NOT, LINGER_NOT.byteLength);
      close(fd);
    },
    close(fd) {
      close(fd);
    },
    openNothing: () => orError(open('/dev/null', SOCK_CLOEXEC)),
    epollCreate: () => orError(epollCreate1(SOCK_CLOEXEC)),
    epollAdd: (epoll, fd, event) => orError(epollCtl(epoll, EPOLL_CTL_ADD, fd, event)),
    epollTake: (epoll, events, count) => orError(epollWait(epoll, events, count, 0)),
    whenReadable,
  };

  function getOption(fd: number, level: number, name: number): number {
    size[0] = integer.byteLength;
    const result = getsockopt(fd, level, name, integer, size);
    return result < 0 ? errno() : (integer[0] ?? 0);
  }

  function orError(result: number): number {
    return result < 0 ? errno() : result;
  }
}

/** What libuv is asked for; its handles live as long as the process, so nothing frees them. */
function bindLoop(
  library: ForeignFunctions,
  self: ReturnType<ForeignFunctions['load']>,
): Kernel['whenReadable'] {
  const malloc = self.func('void *malloc(size_t)');
  const handleSize = self.func('size_t uv_handle_size(int type)');
  const defaultLoop = self.func('void *uv_default_loop()');
  const pollInit = self.func('int uv_poll_init(void *loop, void *handle, int fd)');
  const ref = self.func('void uv_ref(void *handle)');
  const unref = self.func('void uv_unref(void *handle)');
  const prototype = library.proto('void PollCallback(void *handle, int status, int events)');
  const pollStart = self.func('int uv_poll_start(void *handle, int events, PollCallback *callback)');
  return (fd, callback) => {
    const handle = malloc(handleSize(UV_POLL));
    const told = library.register(callback, library.pointer(prototype));
    if (pollInit(defaultLoop(), handle, fd) !== 0 || pollStart(handle, UV_READABLE, told) !== 0) {
      throw new Error("Node's loop does not watch an epoll");
    }
    return {
      keepAlive: (keeps) => {
        if (keeps) ref(handle);
        else unref(handle);
      },
    };
  };
}
