import { connect } from 'node:net';
import { formatSocketAddress } from '../../domain/address.ts';
import { DialError } from '../../ports/dialer.ts';
import { dialError, limitDial, metItself } from './dialling.ts';
import { NodeConnection, sidesOf } from './node-connection.ts';
import type { Socket } from 'node:net';
import type { SocketAddress } from '../../domain/address.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Connection } from '../../ports/connection.ts';
import type { Dialer } from '../../ports/dialer.ts';
import type { SocketTuning } from './socket-tuning.ts';

/** What a dialer works with. */
export interface DialerDependencies {
  readonly clock: Clock;
}

/** Dials from this machine, by Node's own sockets. */
export class NodeDialer implements Dialer {
  readonly #clock: Clock;
  readonly #tuning: SocketTuning;

  constructor(dependencies: DialerDependencies, tuning: SocketTuning) {
    this.#clock = dependencies.clock;
    this.#tuning = tuning;
  }

  async dial(
    to: SocketAddress,
    options: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<Connection> {
    options.signal.throwIfAborted();
    const socket = connect({
      host: to.address,
      port: to.port,
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: this.#tuning.keepAliveIdleMs,
    });
    try {
      await this.#answer(socket, to, options);
      return connected(socket, to);
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  async #answer(
    socket: Socket,
    to: SocketAddress,
    options: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const release = limitDial(this.#clock, to, options, reject);
    // Stays when dialling was given up: an error that comes later than that is nobody's.
    socket.once('error', (cause: NodeJS.ErrnoException) => {
      reject(dialError(to, { call: 'connect', name: cause.code ?? cause.message }, cause));
    });
    const answer = (): void => {
      resolve(undefined);
    };
    socket.once('connect', answer);
    try {
      await promise;
    } finally {
      release();
      socket.off('connect', answer);
    }
  }
}

function connected(socket: Socket, to: SocketAddress): NodeConnection {
  const sides = sidesOf(socket);
  if (sides === undefined) {
    throw new DialError('failed', `${formatSocketAddress(to)} was lost as soon as it was connected`);
  }
  const error = metItself(sides);
  if (error !== undefined) throw error;
  return new NodeConnection(socket, sides);
}
