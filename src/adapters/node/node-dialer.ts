import { formatSocketAddress } from '../../domain/address.ts';
import { DialError } from '../../ports/dialer.ts';
import { NodeConnection } from './node-connection.ts';
import { tune } from './socket-options.ts';
import { handleOf, localOf, openSocket } from './tcp-handle.ts';
import type { Socket } from 'node:net';
import type { IpAddress, SocketAddress } from '../../domain/address.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Connection } from '../../ports/connection.ts';
import type { Dialer } from '../../ports/dialer.ts';
import type { SocketTuning } from './socket-options.ts';
import type { Intake } from './tcp-handle.ts';

const CODES: ReadonlyMap<string, DialError['code']> = new Map([
  ['ECONNREFUSED', 'refused'],
  ['EHOSTUNREACH', 'unreachable'],
  ['ENETUNREACH', 'unreachable'],
  ['EHOSTDOWN', 'unreachable'],
  ['ETIMEDOUT', 'timeout'],
]);

/** What a dialer works with. */
export interface DialerDependencies {
  readonly clock: Clock;
}

/** How it dials. */
export interface DialerOptions {
  /**
   * Gives the descriptor for a connection to an address, where one that Node makes will not do; its owner is
   * the dialer then. See marked-descriptors.ts.
   */
  readonly descriptorFor: (address: IpAddress) => number | undefined;
}

/** Dials from this machine. */
export class NodeDialer implements Dialer {
  readonly #clock: Clock;
  readonly #tuning: SocketTuning;
  readonly #descriptorFor: DialerOptions['descriptorFor'];

  constructor(
    dependencies: DialerDependencies,
    tuning: SocketTuning,
    options: DialerOptions = { descriptorFor: () => undefined },
  ) {
    this.#clock = dependencies.clock;
    this.#tuning = tuning;
    this.#descriptorFor = options.descriptorFor;
  }

  async dial(
    to: SocketAddress,
    options: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<Connection> {
    const { timeoutMs, signal } = options;
    signal.throwIfAborted();
    const intake: Intake = { take: undefined };
    const socket = openSocket(intake, this.#descriptorFor(to.address));
    try {
      await this.#connect(socket, to, { timeoutMs, signal });
      return this.#connected(socket, intake, to);
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  async #connect(
    socket: Socket,
    to: SocketAddress,
    options: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<void> {
    const { timeoutMs, signal } = options;
    const text = formatSocketAddress(to);
    let release = (): void => undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        const abort = (): void => {
          reject(signal.reason as Error);
        };
        const cancel = this.#clock.schedule(timeoutMs, () => {
          reject(new DialError('timeout', `${text} did not answer within ${timeoutMs} ms`));
        });
        const fail = (cause: NodeJS.ErrnoException): void => {
          const code = CODES.get(cause.code ?? '') ?? 'failed';
          reject(new DialError(code, `${text}: ${cause.message}`, { cause }));
        };
        release = () => {
          cancel();
          signal.removeEventListener('abort', abort);
          socket.off('connect', resolve);
        };
        signal.addEventListener('abort', abort, { once: true });
        // Stays when dialling was given up: an error that comes later than that is nobody's.
        socket.once('error', fail);
        socket.once('connect', resolve);
        socket.connect({ host: to.address, port: to.port });
      });
    } finally {
      release();
    }
  }

  #connected(socket: Socket, intake: Intake, peer: SocketAddress): NodeConnection {
    const handle = handleOf(socket);
    const local = handle === undefined ? undefined : localOf(handle);
    if (handle === undefined || local === undefined) {
      throw new DialError('failed', `${formatSocketAddress(peer)} was lost as soon as it was connected`);
    }
    // Without a listener, a port of the ephemeral range can meet itself: TCP's simultaneous open.
    if (local.port === peer.port && local.address === peer.address) {
      throw new DialError('refused', `${formatSocketAddress(peer)}: nobody listens; the socket met itself`);
    }
    tune(handle, this.#tuning);
    return new NodeConnection(socket, intake, { peer, local });
  }
}
