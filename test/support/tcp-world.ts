import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { SimClock } from '../../sim/clock.ts';
import type { SocketAddress } from '../../src/domain/address.ts';
import type { AcceptedConnection, Connection } from '../../src/ports/connection.ts';
import type { Dialer } from '../../src/ports/dialer.ts';
import type { Listener } from '../../src/ports/listener.ts';

/** How much {@link pattern} repeats after: a prime, so that a lost or doubled chunk shifts what follows. */
const PATTERN_PERIOD = 65_521;

/** A network to make connections on, in memory or the machine's own, and what else can happen on it. */
export interface TcpWorld extends AsyncDisposable {
  /** The dialer's and relay's clock. It moves by hand; advancing by 0 lets everything due happen. */
  readonly clock: SimClock;
  readonly listener: Listener;
  readonly dialer: Dialer;
  /** The most that a writer gets rid of while the reader does not read, in bytes. */
  readonly heldBytesMax: number;
  /** An address of this world at which nobody listens, another one at each call. */
  freeAddress(): Promise<SocketAddress>;
  /** An address that never answers a dial. */
  silentAddress(): Promise<SocketAddress>;
  /** An address to which no way leads; undefined where there is none to be had. */
  readonly unreachableAddress: SocketAddress | undefined;
  /** An address that is not of the listener's host. */
  readonly foreignAddress: SocketAddress;
}

/** Both sides of one connection. */
export interface ConnectionPair {
  readonly dialled: Connection;
  readonly accepted: AcceptedConnection;
}

/** Makes a connection; its listener is closed again. */
export async function connect(world: TcpWorld): Promise<ConnectionPair> {
  const at = await world.freeAddress();
  const arrived = Promise.withResolvers<AcceptedConnection>();
  const listening = await world.listener.listen(at, arrived.resolve);
  const { signal } = new AbortController();
  const dialled = await world.dialer.dial(at, { timeoutMs: 1_000, signal });
  const accepted = await arrived.promise;
  await listening.close();
  return { dialled, accepted };
}

/** Runs a test in a fresh world, which is disposed of after. */
export function inWorld(
  setup: () => Promise<TcpWorld>,
  run: (world: TcpWorld, context: Mocha.Context) => Promise<void>,
): Mocha.AsyncFunc {
  return async function (): Promise<void> {
    await using world = await setup();
    await run(world, this);
  };
}

/** Bytes that differ from place to place, the same for the same arguments. */
export function pattern(length: number, salt: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let i = 0; i < length; i += 1) bytes[i] = ((i % PATTERN_PERIOD) * 31 + salt) & 0xff;
  return bytes;
}

/** What was read to the end: how many bytes, and their checksum. */
export interface ReadToEnd {
  readonly length: number;
  readonly checksum: string;
}

/** The same of bytes at hand. */
export function digest(bytes: Uint8Array): ReadToEnd {
  return { length: bytes.length, checksum: createHash('md5').update(bytes).digest('hex') };
}

/** Reads until the end. Rejects as the connection does. */
export async function readToEnd(connection: Connection): Promise<ReadToEnd> {
  const hash = createHash('md5');
  let length = 0;
  for (let chunk = await connection.read(); chunk !== undefined; chunk = await connection.read()) {
    assert.ok(chunk.length > 0, 'a read gives at least one byte');
    hash.update(chunk);
    length += chunk.length;
  }
  return { length, checksum: hash.digest('hex') };
}

/** Reads exactly so many bytes, which must be the last ones sent so far. */
export async function readExactly(connection: Connection, length: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for (let left = length; left > 0;) {
    const chunk = await connection.read();
    assert.ok(chunk !== undefined && chunk.length <= left, `${left} more bytes expected`);
    chunks.push(Buffer.from(chunk));
    left -= chunk.length;
  }
  return Buffer.concat(chunks);
}

/** Writes in chunks, then shuts down writing. */
export async function writeAndEnd(connection: Connection, bytes: Uint8Array, chunk = 60_000): Promise<void> {
  for (let from = 0; from < bytes.length; from += chunk) {
    await connection.write(bytes.subarray(from, from + chunk));
  }
  connection.shutdownWrite();
}
