import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { familyOf } from '../../../domain/address.ts';
import { dialError, limitDial, metItself } from '../dialling.ts';
import { EpollConnection } from './epoll-connection.ts';
import { encodeSocketAddress } from './socket-addresses.ts';
import { tuneDescriptor } from './tuning.ts';
import type { SocketAddress } from '../../../domain/address.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { Connection } from '../../../ports/connection.ts';
import type { DialError, Dialer } from '../../../ports/dialer.ts';
import type { SocketTuning } from '../socket-tuning.ts';
import type { OwnTraffic } from './own-traffic.ts';
import type { EpollDependencies } from './readiness.ts';

const EINPROGRESS = -constants.errno.EINPROGRESS;

/** What a dialer works with. */
export interface EpollDialerDependencies extends EpollDependencies {
  readonly clock: Clock;
  readonly ownTraffic: OwnTraffic;
}

/** Dials from this machine, by descriptors of our own. */
export class EpollDialer implements Dialer {
  readonly #dependencies: EpollDialerDependencies;
  readonly #tuning: SocketTuning;
  /** The `sockaddr`s of endpoints, which are dialled again and again. */
  readonly #encoded = new WeakMap<SocketAddress, Uint8Array>();

  constructor(dependencies: EpollDialerDependencies, tuning: SocketTuning) {
    this.#dependencies = dependencies;
    this.#tuning = tuning;
  }

  async dial(
    to: SocketAddress,
    options: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<Connection> {
    options.signal.throwIfAborted();
    const { kernel, ownTraffic } = this.#dependencies;
    const fd = kernel.openTcp(familyOf(to.address));
    if (fd < 0) throw failure(to, 'socket', fd);
    ownTraffic.mark(fd, to.address);
    const error = kernel.connect(fd, this.#encode(to));
    if (error === 0 || error === EINPROGRESS) return this.#answer(fd, to, options);
    kernel.close(fd);
    throw failure(to, 'connect', error);
  }

  /** Waits for what comes of connecting; the descriptor is closed unless that is a connection. */
  async #answer(
    fd: number,
    to: SocketAddress,
    options: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<Connection> {
    const { clock, kernel, readiness } = this.#dependencies;
    const { promise, resolve, reject } = Promise.withResolvers<Connection>();
    const giveUp = (reason: Error): void => {
      release();
      readiness.forget(fd);
      kernel.close(fd);
      reject(reason);
    };
    const release = limitDial(clock, to, options, giveUp);
    const watched = readiness.watch(fd, {
      ready: (events) => {
        const error = kernel.takeError(fd);
        if (error !== 0) {
          giveUp(failure(to, 'connect', error));
          return;
        }
        release();
        tuneDescriptor(kernel, fd, this.#tuning);
        const connection = new EpollConnection(this.#dependencies, fd, { peer: to, local: undefined });
        const met = metItself(connection);
        if (met === undefined) {
          resolve(connection);
          // An endpoint that speaks first may have spoken.
          connection.ready(events);
        } else {
          connection.reset();
          reject(met);
        }
      },
    });
    if (watched < 0) giveUp(failure(to, 'connect', watched));
    return promise;
  }

  #encode(to: SocketAddress): Uint8Array {
    const seen = this.#encoded.get(to);
    if (seen !== undefined) return seen;
    const encoded = encodeSocketAddress(to);
    this.#encoded.set(to, encoded);
    return encoded;
  }
}

function failure(to: SocketAddress, call: string, error: number): DialError {
  return dialError(to, { call, name: getSystemErrorName(error) });
}
