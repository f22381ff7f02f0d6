import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { familyOf, formatSocketAddress } from '../../../domain/address.ts';
import { DialError } from '../../../ports/dialer.ts';
import { EpollConnection } from './epoll-connection.ts';
import { SOCK_CLOEXEC, SOCK_NONBLOCK } from './kernel.ts';
import { AF_INET, AF_INET6, encodeSocketAddress } from './socket-addresses.ts';
import { tuneDescriptor } from './tuning.ts';
import type { IpAddress, SocketAddress } from '../../../domain/address.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { Connection } from '../../../ports/connection.ts';
import type { Dialer } from '../../../ports/dialer.ts';
import type { SocketTuning } from '../socket-tuning.ts';
import type { OwnTraffic } from './own-traffic.ts';
import type { EpollDependencies } from './readiness.ts';

const SOCK_STREAM = 1;
const SOL_SOCKET = 1;
const SO_ERROR = 4;
const EINPROGRESS = -constants.errno.EINPROGRESS;

const { errno } = constants;
const CODES: ReadonlyMap<number, DialError['code']> = new Map([
  [-errno.ECONNREFUSED, 'refused'],
  [-errno.EHOSTUNREACH, 'unreachable'],
  [-errno.ENETUNREACH, 'unreachable'],
  // EHOSTDOWN, which Node has no name for.
  [-112, 'unreachable'],
  [-errno.ETIMEDOUT, 'timeout'],
]);

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
    const fd = this.#open(to.address);
    if (fd < 0) throw failure(to, 'socket', fd);
    ownTraffic.mark(fd, to.address);
    const error = kernel.connect(fd, this.#encode(to));
    // A neighbour on this machine often has answered by now.
    if (error === 0) return this.#connected(fd, to);
    if (error === EINPROGRESS) return this.#answer(fd, to, options);
    kernel.close(fd);
    throw failure(to, 'connect', error);
  }

  #open(address: IpAddress): number {
    const domain = familyOf(address) === 4 ? AF_INET : AF_INET6;
    return this.#dependencies.kernel.socket(domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC);
  }

  /** Waits for what comes of connecting; the descriptor is closed unless that is a connection. */
  async #answer(
    fd: number,
    to: SocketAddress,
    { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<Connection> {
    const { clock, kernel, readiness } = this.#dependencies;
    const { promise, resolve, reject } = Promise.withResolvers<Connection>();
    let isOver = false;
    const end = (): boolean => {
      if (isOver) return false;
      isOver = true;
      cancel();
      signal.removeEventListener('abort', abort);
      return true;
    };
    const giveUp = (reason: Error): void => {
      if (!end()) return;
      readiness.forget(fd);
      kernel.close(fd);
      reject(reason);
    };
    const abort = (): void => {
      giveUp(signal.reason as Error);
    };
    const cancel = clock.schedule(timeoutMs, () => {
      const text = formatSocketAddress(to);
      giveUp(new DialError('timeout', `${text} did not answer within ${timeoutMs} ms`));
    });
    signal.addEventListener('abort', abort, { once: true });
    const watched = readiness.watch(fd, {
      ready: (events) => {
        const error = -kernel.getOption(fd, SOL_SOCKET, SO_ERROR);
        if (error !== 0) giveUp(failure(to, 'connect', error));
        if (error !== 0 || !end()) return;
        try {
          const connection = this.#connected(fd, to);
          // An endpoint that speaks first may have spoken.
          connection.ready(events);
          resolve(connection);
        } catch (cause) {
          reject(cause);
        }
      },
    });
    if (watched < 0) giveUp(failure(to, 'connect', watched));
    return promise;
  }

  /** @throws {DialError} The socket met itself; it is closed. */
  #connected(fd: number, peer: SocketAddress): EpollConnection {
    const { kernel } = this.#dependencies;
    tuneDescriptor(kernel, fd, this.#tuning);
    const connection = new EpollConnection(this.#dependencies, fd, { peer, local: undefined });
    // Without a listener, a port of the ephemeral range can meet itself: TCP's simultaneous open.
    const { local } = connection;
    if (local.port !== peer.port || local.address !== peer.address) return connection;
    connection.reset();
    const text = formatSocketAddress(peer);
    throw new DialError('refused', `${text}: nobody listens; the socket met itself`);
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
  const text = formatSocketAddress(to);
  return new DialError(CODES.get(error) ?? 'failed', `${text}: ${call} ${getSystemErrorName(error)}`);
}
