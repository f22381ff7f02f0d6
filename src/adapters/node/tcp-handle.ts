import { Socket } from 'node:net';
import { parseIpAddress, parsePort } from '../../domain/address.ts';
import type { Server, SocketConstructorOpts } from 'node:net';
import type { SocketAddress } from '../../domain/address.ts';

/**
 * What Node keeps below a socket. It is not documented; everything that leans on it is in this file, and its
 * test fails when a version of Node changes it.
 *
 * @see Node.js, lib/net.js and src/tcp_wrap.cc.
 */
export interface TcpHandle {
  /** The descriptor; −1 once closed. */
  readonly fd: number;
  getpeername(into: HandleAddress): number;
  getsockname(into: HandleAddress): number;
  setNoDelay(enable: boolean): number;
  setKeepAlive(enable: boolean, idleSeconds: number): number;
  close(): void;
}

/** Where a socket hands over what it reads; set once the connection it belongs to exists. */
export interface Intake {
  /**
   * Takes the buffer's first `count` bytes, which are overwritten after the call. False: no more now.
   */
  take: ((count: number, buffer: Uint8Array) => boolean) | undefined;
}

interface HandleAddress {
  address?: string;
  port?: number;
}

/**
 * One buffer that every socket of this thread is read into. A callee takes or copies the bytes before it
 * returns, so an idle connection holds none.
 *
 * 64 KiB: what the pipes and windows of a busy connection hold at once, and small enough for the cache.
 */
const READ_BUFFER_BYTES = 65_536;
const readBuffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);

/**
 * Makes a socket that reads nothing until `socket.read(0)`, then into the shared buffer, until the
 * intake answers false.
 *
 * @param made - The handle of an accepted connection, or the descriptor of a socket that is not connected
 *   yet; undefined for one that Node makes when it connects.
 */
export function openSocket(intake: Intake, made?: TcpHandle | number): Socket {
  const options: SocketConstructorOpts & { readonly pauseOnCreate: boolean } = {
    allowHalfOpen: true,
    readable: true,
    writable: true,
    pauseOnCreate: true,
    onread: {
      buffer: readBuffer,
      callback: (count: number, buffer: Uint8Array) => intake.take?.(count, buffer) ?? false,
    },
  };
  if (typeof made === 'number') options.fd = made;
  else if (made !== undefined) Reflect.set(options, 'handle', made);
  const socket = new Socket(options);
  if (made === undefined) socket.pause();
  return socket;
}

/** The handle of a socket; undefined before it connects and after it closed. */
export function handleOf(socket: Socket | Server): TcpHandle | undefined {
  const handle: unknown = Reflect.get(socket, '_handle');
  return isTcpHandle(handle) ? handle : undefined;
}

/**
 * Takes accepted connections before Node wraps each in a socket: it is wrapped once, in one that reads as
 * {@link openSocket} says.
 *
 * @param server - Listening. Its `connection` and `error` events don't fire for what is accepted from now on.
 * @param take - Gets the handle, which is its own to end, or the negative error number of the accept.
 */
export function takeHandles(
  server: Server,
  take: (error: number, handle: TcpHandle | undefined) => void,
): void {
  const listening = handleOf(server);
  if (listening === undefined) throw new Error('takeHandles needs a listening server');
  Reflect.set(listening, 'onconnection', (error: number, handle: unknown) => {
    take(error, isTcpHandle(handle) ? handle : undefined);
  });
}

/** The other side; undefined when the connection is already gone. */
export function peerOf(handle: TcpHandle): SocketAddress | undefined {
  const into: HandleAddress = {};
  return handle.getpeername(into) === 0 ? parseHandleAddress(into) : undefined;
}

/** Our side; undefined when the connection is already gone. */
export function localOf(handle: TcpHandle): SocketAddress | undefined {
  const into: HandleAddress = {};
  return handle.getsockname(into) === 0 ? parseHandleAddress(into) : undefined;
}

function isTcpHandle(value: unknown): value is TcpHandle {
  return typeof value === 'object' && value !== null && 'getpeername' in value && 'fd' in value;
}

function parseHandleAddress(from: HandleAddress): SocketAddress | undefined {
  const address = parseIpAddress(from.address ?? '');
  const port = parsePort(from.port ?? 0);
  return address === undefined || port === undefined ? undefined : { address, port };
}
