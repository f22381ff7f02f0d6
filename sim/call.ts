import { ConnectionLostError } from '../src/ports/connection.ts';
import { DialError } from '../src/ports/dialer.ts';
import type { IpAddress, Port, SocketAddress } from '../src/domain/address.ts';
import type { Clock } from '../src/ports/clock.ts';
import type { Connection } from '../src/ports/connection.ts';
import type { SimHost } from './host.ts';

/** How long a caller waits for the first byte: longer than embassy may take to give up [C5]. */
const SILENCE_LIMIT_MS = 20_000;

/** How long a caller goes on once it was greeted. */
const TALK_LIMIT_MS = 60_000;

/** What a caller sends at a time. */
const CHUNK_BYTES = 4_096;

/** What is sent; whoever carries it copies it. */
const ZEROS = new Uint8Array(CHUNK_BYTES);

/** An endpoint's pauses are short, and bounded by themselves. */
const { signal: NEVER } = new AbortController();

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();

/** What a caller says, and how fast. */
export interface CallPlan {
  readonly bytes: number;
  /** The pause before each chunk; 0 sends them all at once. */
  readonly pauseMs: number;
}

/** How a call went. */
export type CallOutcome =
  /** Ended before any byte. */
  | { readonly kind: 'refused' }
  /** Nothing came, neither byte nor end [D01]. */
  | { readonly kind: 'silent' }
  /** The caller itself went away before anything came. */
  | { readonly kind: 'given up' }
  | {
      readonly kind: 'reached';
      /** The address and port the endpoint says it has. */
      readonly endpoint: string;
      readonly reachedAtMs: number;
      /** Whether everything sent came back, and the end behind it. */
      readonly isWhole: boolean;
    };

/** One connection of a consumer, from dial to end. */
export interface Call {
  readonly container: string;
  readonly source: IpAddress;
  readonly port: Port;
  readonly atMs: number;
  readonly endedAtMs: number;
  readonly outcome: CallOutcome;
}

/**
 * Makes one call: dials, is greeted by the endpoint, sends bytes and the end, and reads them all back.
 *
 * @param signal - The caller goes away: its connections are reset by its host.
 *
 * Never rejects.
 */
export async function makeCall(
  { clock, host }: { readonly clock: Clock; readonly host: SimHost },
  options: CallPlan & { readonly to: SocketAddress; readonly signal: AbortSignal },
): Promise<CallOutcome> {
  const { to, signal } = options;
  let connection: Connection | undefined;
  const limit = { isReached: false };
  const endSoon = (ms: number): (() => void) =>
    clock.schedule(ms, () => {
      limit.isReached = true;
      connection?.reset();
    });
  let cancel = endSoon(SILENCE_LIMIT_MS);
  try {
    connection = await host.dial(to, { timeoutMs: SILENCE_LIMIT_MS, signal });
    const reader = new CountingReader(connection);
    const endpoint = await reader.greeting();
    if (endpoint === undefined) return { kind: 'refused' };
    const reachedAtMs = clock.monotonicMs();
    cancel();
    cancel = endSoon(TALK_LIMIT_MS);
    const isWhole = await talk({ clock, connection, reader }, options);
    return { kind: 'reached', endpoint, reachedAtMs, isWhole };
  } catch (error) {
    if (signal.aborted) return { kind: 'given up' };
    if (!(error instanceof DialError) && !(error instanceof ConnectionLostError)) throw error;
    return { kind: limit.isReached ? 'silent' : 'refused' };
  } finally {
    cancel();
    connection?.reset();
  }
}

/** How an endpoint serves; at once and for as long as it is talked to where nothing is said. */
export interface Manners {
  readonly answersAfterMs?: number;
  /** Resets the connection once it has got so many bytes. */
  readonly diesAfterBytes?: number;
  /** Takes a chunk, then nothing for so long. */
  readonly readsEveryMs?: number;
}

/** The endpoint's side: greets with its address, then returns what it gets until the end. Never rejects. */
export async function answerCall(
  { clock, connection }: { readonly clock: Clock; readonly connection: Connection },
  options: Manners & { readonly greeting: string },
): Promise<void> {
  const { greeting, answersAfterMs = 0, diesAfterBytes = Infinity, readsEveryMs = 0 } = options;
  let got = 0;
  try {
    if (answersAfterMs > 0) await clock.sleep(answersAfterMs, { signal: NEVER });
    await connection.write(ENCODER.encode(`${greeting}\n`));
    for (let chunk = await connection.read(); chunk !== undefined; chunk = await connection.read()) {
      got += chunk.length;
      if (got >= diesAfterBytes) {
        connection.reset();
        return;
      }
      await connection.write(chunk);
      if (readsEveryMs > 0) await clock.sleep(readsEveryMs, { signal: NEVER });
    }
    connection.shutdownWrite();
  } catch (error) {
    if (!(error instanceof ConnectionLostError)) throw error;
  }
}

/** Sends and reads back at once. Resolves with whether all came back. */
async function talk(
  parties: { readonly clock: Clock; readonly connection: Connection; readonly reader: CountingReader },
  options: CallPlan & { readonly signal: AbortSignal },
): Promise<boolean> {
  const { clock, connection, reader } = parties;
  const { bytes, pauseMs, signal } = options;
  const sending = (async () => {
    for (let sent = 0; sent < bytes; sent += CHUNK_BYTES) {
      if (pauseMs > 0) await clock.sleep(pauseMs, { signal });
      await connection.write(bytes - sent < CHUNK_BYTES ? ZEROS.subarray(0, bytes - sent) : ZEROS);
    }
    connection.shutdownWrite();
  })();
  const [sent, read] = await Promise.allSettled([sending, reader.rest()]);
  for (const outcome of [sent, read]) {
    if (outcome.status === 'rejected' && !signal.aborted && !isLost(outcome.reason)) {
      throw outcome.reason as Error;
    }
  }
  return read.status === 'fulfilled' && read.value === bytes;
}

function isLost(error: unknown): boolean {
  return error instanceof ConnectionLostError;
}

/** Reads the first line, then counts. */
class CountingReader {
  readonly #connection: Connection;
  #extra = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** The first line; undefined when the connection ended before any byte. */
  async greeting(): Promise<string | undefined> {
    let text = '';
    while (!text.includes('\n')) {
      const chunk = await this.#connection.read();
      if (chunk === undefined) return undefined;
      text += DECODER.decode(chunk);
    }
    const [line = '', rest = ''] = text.split('\n');
    this.#extra = rest.length;
    return line;
  }

  /** The count of bytes behind the greeting, once they have ended. */
  async rest(): Promise<number> {
    let count = this.#extra;
    for (
      let chunk = await this.#connection.read();
      chunk !== undefined;
      chunk = await this.#connection.read()
    ) {
      count += chunk.length;
    }
    return count;
  }
}
