import { EpollDialer } from './epoll/epoll-dialer.ts';
import { EpollListener } from './epoll/epoll-listener.ts';
import { kernelHere } from './epoll/kernel.ts';
import { OwnTraffic } from './epoll/own-traffic.ts';
import { Pipes } from './epoll/pipes.ts';
import { Readiness } from './epoll/readiness.ts';
import { NodeDialer } from './node-dialer.ts';
import { NodeListener } from './node-listener.ts';
import type { IpAddress } from '../../domain/address.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Dialer } from '../../ports/dialer.ts';
import type { Log } from '../../ports/log.ts';
import type { AdoptingListener } from './adopting-listener.ts';
import type { EpollDependencies } from './epoll/readiness.ts';
import type { SocketTuning } from './socket-tuning.ts';

/** Who moves the bytes: this process by itself, or Node's own sockets, which run everywhere and cost more. */
export type SocketKind = 'epoll' | 'node';

/** Why Node's own sockets must do here; undefined where they need not. */
export function whyNodeSockets(): string | undefined {
  const kernel = kernelHere();
  return typeof kernel === 'string' ? kernel : undefined;
}

/** The faster kind that this platform has. */
function socketKindHere(): SocketKind {
  return whyNodeSockets() === undefined ? 'epoll' : 'node';
}

/** How a dialer dials. */
export interface DialerOptions {
  /** The addresses to which our rules lead traffic of this very host away. */
  readonly captured: Iterable<IpAddress>;
}

/** Makes a listener of this machine. */
export function createListener(
  dependencies: { readonly log: Log },
  tuning: SocketTuning,
  kind: SocketKind = socketKindHere(),
): AdoptingListener {
  if (kind === 'node') return new NodeListener(dependencies, tuning);
  return new EpollListener({ ...dependencies, ...epoll() }, tuning);
}

/** Makes a dialer of this machine. */
export function createDialer(
  dependencies: { readonly clock: Clock; readonly log: Log },
  tuning: SocketTuning,
  options: DialerOptions = { captured: [] },
  kind: SocketKind = socketKindHere(),
): Dialer {
  if (kind === 'node') return new NodeDialer(dependencies, tuning);
  const parts = epoll();
  const ownTraffic = new OwnTraffic({ kernel: parts.kernel, log: dependencies.log }, options.captured);
  return new EpollDialer({ clock: dependencies.clock, ...parts, ownTraffic }, tuning);
}

let shared: EpollDependencies | undefined;

/**
 * What all sockets of this process share, made when it is asked for first.
 *
 * @throws {Error} This platform has none.
 */
function epoll(): EpollDependencies {
  const kernel = kernelHere();
  if (typeof kernel === 'string') throw new Error(`no sockets by epoll: ${kernel}`);
  shared ??= { kernel, readiness: new Readiness(kernel), pipes: new Pipes(kernel) };
  return shared;
}
