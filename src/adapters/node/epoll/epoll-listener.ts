import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { familyOf, isUnspecified } from '../../../domain/address.ts';
import { AcceptFailures } from '../accept-failures.ts';
import { isLocalAddress } from '../interfaces.ts';
import { listenError } from '../listen-error.ts';
import { EpollConnection } from './epoll-connection.ts';
import { Reserve } from './reserve.ts';
import { decodeSocketAddress, encodeSocketAddress, SOCKADDR_IN6_BYTES } from './socket-addresses.ts';
import { IPPROTO_IPV6, IPV6_FREEBIND, IPV6_V6ONLY, SO_REUSEADDR, SOL_SOCKET } from './socket-options.ts';
import { tuneDescriptor } from './tuning.ts';
import type { SocketAddress } from '../../../domain/address.ts';
import type { AcceptedConnection } from '../../../ports/connection.ts';
import type { ListenError, Listening } from '../../../ports/listener.ts';
import type { Log } from '../../../ports/log.ts';
import type { AdoptingListener } from '../adopting-listener.ts';
import type { SocketTuning } from '../socket-tuning.ts';
import type { EpollDependencies, Watcher } from './readiness.ts';

/** Connections the kernel holds until we accept them; `net.core.somaxconn` counts where that is less. */
const BACKLOG = 4_096;

/** Connections accepted in a row, before others have their turn. */
const ACCEPTS_MAX = 64;

const { errno } = constants;
const EAGAIN = -errno.EAGAIN;

/** Not of the listener, but of the one consumer that was about to be accepted; see accept(2). */
const OF_ONE_CONSUMER: ReadonlySet<number> = new Set([-errno.EINTR, -errno.ECONNABORTED, -errno.EPROTO]);

/** No descriptor is left, for this process or at all. */
const NO_DESCRIPTOR: ReadonlySet<number> = new Set([-errno.EMFILE, -errno.ENFILE]);

const peer = Buffer.allocUnsafeSlow(SOCKADDR_IN6_BYTES);

/** What a listener works with. */
export interface EpollListenerDependencies extends EpollDependencies {
  readonly log: Log;
}

/** Opens listeners of this machine, by descriptors of our own. */
export class EpollListener implements AdoptingListener {
  readonly #dependencies: EpollListenerDependencies;
  readonly #tuning: SocketTuning;
  readonly #open = new Set<EpollListening>();
  readonly #reserve: Reserve;

  constructor(dependencies: EpollListenerDependencies, tuning: SocketTuning) {
    this.#dependencies = dependencies;
    this.#tuning = tuning;
    this.#reserve = new Reserve(dependencies.kernel);
  }

  async listen(
    at: SocketAddress,
    onConnection: (connection: AcceptedConnection) => void,
  ): Promise<Listening> {
    return this.adopt({ at, fd: this.#bind(at) }, onConnection);
  }

  async adopt(
    { at, fd }: { readonly at: SocketAddress; readonly fd: number },
    onConnection: (connection: AcceptedConnection) => void,
  ): Promise<Listening> {
    const { kernel, readiness } = this.#dependencies;
    tuneDescriptor(kernel, fd, this.#tuning);
    const shared = { ...this.#dependencies, reserve: this.#reserve };
    const listening = new EpollListening(shared, { at, fd }, onConnection, () => {
      this.#open.delete(listening);
      if (this.#open.size === 0) this.#reserve.empty();
    });
    let error = kernel.listen(fd, BACKLOG);
    if (error === 0) error = readiness.watchListener(fd, listening);
    if (error < 0) {
      kernel.close(fd);
      throw failure(at, 'listen', error);
    }
    this.#open.add(listening);
    this.#reserve.fill();
    return listening;
  }

  get sockets(): readonly { readonly at: SocketAddress; readonly fd: number }[] {
    return [...this.#open].map(({ at, fd }) => ({ at, fd }));
  }

  /** A bound socket; also at an address of ours that cannot be used before its interface has a carrier. */
  #bind(at: SocketAddress): number {
    const { kernel } = this.#dependencies;
    const family = familyOf(at.address);
    const isV6 = family === 6;
    const fd = kernel.openTcp(family);
    if (fd < 0) throw failure(at, 'socket', fd);
    kernel.setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (isV6) kernel.setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    const address = encodeSocketAddress(at);
    let error = kernel.bind(fd, address);
    if (error === -errno.EADDRNOTAVAIL && isV6 && isLocalAddress(at.address)) {
      kernel.setOption(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1);
      error = kernel.bind(fd, address);
    }
    if (error === 0) return fd;
    kernel.close(fd);
    throw failure(at, 'bind', error);
  }
}

/** What an open listener works with. */
interface ListeningDependencies extends EpollListenerDependencies {
  readonly reserve: Reserve;
}

/** One open listener. */
class EpollListening implements Listening, Watcher {
  readonly at: SocketAddress;
  readonly fd: number;
  readonly #dependencies: ListeningDependencies;
  readonly #onConnection: (connection: AcceptedConnection) => void;
  readonly #onClosed: () => void;
  readonly #failures: AcceptFailures;
  /** A connection's own one differs where we listen at all of a family. */
  readonly #local: SocketAddress | undefined;
  #isClosed = false;

  constructor(
    dependencies: ListeningDependencies,
    { at, fd }: { readonly at: SocketAddress; readonly fd: number },
    onConnection: (connection: AcceptedConnection) => void,
    onClosed: () => void,
  ) {
    this.#dependencies = dependencies;
    this.at = at;
    this.fd = fd;
    this.#onConnection = onConnection;
    this.#onClosed = onClosed;
    this.#failures = new AcceptFailures(dependencies, at);
    this.#local = isUnspecified(at.address) ? undefined : at;
  }

  ready(): void {
    const { kernel, reserve } = this.#dependencies;
    for (let accepted = 0; accepted < ACCEPTS_MAX && !this.#isClosed; accepted += 1) {
      const fd = kernel.accept(this.fd, peer);
      if (fd >= 0) this.#accepted(fd);
      else if (fd === EAGAIN) return;
      else if (NO_DESCRIPTOR.has(fd) && reserve.turnAway(this.fd, peer)) continue;
      else if (!OF_ONE_CONSUMER.has(fd)) {
        this.#failures.add(fd);
        return;
      }
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const { kernel, readiness } = this.#dependencies;
    readiness.forget(this.fd);
    kernel.close(this.fd);
    this.#onClosed();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #accepted(fd: number): void {
    const from = decodeSocketAddress(peer);
    if (from === undefined) {
      this.#dependencies.kernel.close(fd);
      return;
    }
    this.#failures.reset();
    this.#onConnection(new EpollConnection(this.#dependencies, fd, { peer: from, local: this.#local }));
  }
}

function failure(at: SocketAddress, call: string, error: number): ListenError {
  const name = getSystemErrorName(error);
  return listenError(at, { name, detail: `${call} ${name}` });
}
