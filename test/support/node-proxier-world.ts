import { BoundSocket, Socket } from 'node:net';
import { SimClock } from '../../sim/clock.ts';
import { MemoryLog } from '../../sim/log.ts';
import { MemoryMetrics } from '../../sim/metrics.ts';
import { createFastRelay } from '../../src/adapters/node/epoll/fast-relay.ts';
import { SOCKET_TUNING_DEFAULT } from '../../src/adapters/node/socket-tuning.ts';
import { createDialer, createListener } from '../../src/adapters/node/sockets.ts';
import { createRelay } from '../../src/app/relay.ts';
import { UserspaceProxier } from '../../src/app/userspace-proxier.ts';
import { endpointId } from '../../src/domain/endpoint.ts';
import { Attempt } from './proxier-attempt.ts';
import { Greeter } from './greeter.ts';
import { address, port } from './endpoints.ts';
import { settle } from './settle.ts';
import type { IpAddress, SocketAddress } from '../../src/domain/address.ts';
import type { Endpoint } from '../../src/domain/endpoint.ts';
import type { Proxier } from '../../src/ports/proxier.ts';
import type { ListenPlan } from '../../src/app/listener-set.ts';
import type { ProxierWorld } from './proxier-world.ts';

const UNKNOWN_WAIT_MS = 3_000;

/** Waits that let the kernel's answers, which loopback gives within the call, be heard. */
const TURNS_PER_SETTLE = 10;

/** How often it is looked whether what is just ending has ended. */
const LEFTOVER_LOOKS_MAX = 200;

/** Endpoints listen from here on. */
const ENDPOINT_PORT_MIN = 17_000;

/** How consumers and endpoints are placed on this machine. */
export interface NodePlace {
  readonly listen: ListenPlan;
  /** What consumers dial; the port of a `direct` plan is above the bound one by its offset. */
  readonly virtualIp: IpAddress;
  /** Where endpoints listen. */
  readonly endpointsAt: IpAddress;
  consumer(n: number): IpAddress;
  /** Makes a consumer's socket, bound to its address, at once. */
  socket(make: () => Socket): Socket;
  /** Makes an endpoint's server where another one than the proxier's own network is meant. */
  readonly serve?: (at: Endpoint) => Promise<EndpointServer>;
  /** Puts another data plane over the one in userspace. */
  readonly over?: (userspace: Proxier) => OverlaidPlane;
  /** Called last. */
  leave(): void;
}

/** A server that says who it is, and what is open there. */
export interface EndpointServer extends AsyncDisposable {
  readonly openConnections: number;
}

/** Both data planes as one proxier. */
export interface OverlaidPlane {
  readonly proxier: Proxier;
  /** What the upper plane still holds once it is closed, in words. */
  leftovers(): Promise<readonly string[]>;
}

/** A userspace proxier on real sockets, its clock moved by hand. */
export async function nodeProxierWorld(place: NodePlace): Promise<ProxierWorld> {
  const turns = async (): Promise<void> => {
    for (let turn = 0; turn < TURNS_PER_SETTLE; turn += 1) await settle();
  };
  const clock = new SimClock(turns);
  const log = new MemoryLog();
  const listener = createListener({ log }, SOCKET_TUNING_DEFAULT);
  const dialer = createDialer({ clock, log }, SOCKET_TUNING_DEFAULT);
  const relay = createFastRelay({ clock, fallback: createRelay({ clock }) });
  const proxier = new UserspaceProxier(
    { clock, log, listener, isLocal: () => false, dialer, relay, metrics: new MemoryMetrics() },
    {
      listen: place.listen,
      maxConnections: 1_000,
      unknownWaitMs: UNKNOWN_WAIT_MS,
      halfCloseTimeoutMs: 60_000,
      maxConnectionsPerBinding: 10_000,
      endpointDrainMs: 60_000,
    },
  );
  await proxier.open();
  const over = place.over?.(proxier);
  const pair = over?.proxier ?? proxier;
  const serve =
    place.serve ??
    (async (at: Endpoint): Promise<EndpointServer> => {
      const greeter = new Greeter();
      await greeter.open(listener, at);
      return greeter;
    });
  const greeters = new Map<string, EndpointServer>();
  const attempts = new Set<Attempt>();
  const openAtEndpoints = (): number =>
    [...greeters.values()].reduce((sum, greeter) => sum + greeter.openConnections, 0);
  const held = (): readonly string[] =>
    Object.entries({
      'lives of connections': proxier.openConnections,
      'connections at endpoints': over === undefined ? openAtEndpoints() : 0,
      timers: clock.pendingTimers,
    }).flatMap(([what, count]) => (count === 0 ? [] : [`${count} ${what}`]));
  return {
    proxier: pair,
    outlives: over !== undefined,
    unknownWaitMs: UNKNOWN_WAIT_MS,
    imbalanceMax: 0,
    consumer: (n) => place.consumer(n),
    serve: async () => {
      const id = endpointId(`e${greeters.size}`);
      const at = { address: place.endpointsAt, port: port(ENDPOINT_PORT_MIN + greeters.size) };
      const started = { ...at, id, weight: 1, tags: undefined };
      greeters.set(id, await serve(started));
      return started;
    },
    openAt: async (at) => {
      await turns();
      return greeters.get(at.id)?.openConnections ?? 0;
    },
    dial: (source, dialled) => {
      const attempt = new Attempt(() => clock.monotonicMs());
      attempts.add(attempt);
      const at = place.listen.kind === 'direct' ? port(dialled + place.listen.offset) : dialled;
      const socket = place.socket(
        () => new Socket({ handle: new BoundSocket({ host: source }), allowHalfOpen: true }),
      );
      follow(attempt, socket, { address: place.virtualIp, port: at });
      return attempt;
    },
    pass: async (ms) => clock.advance(ms),
    leftovers: async () => {
      for (let look = 0; look < LEFTOVER_LOOKS_MAX && held().length > 0; look += 1) await settle();
      return [...held(), ...((await over?.leftovers()) ?? [])];
    },
    [Symbol.asyncDispose]: async () => {
      try {
        await pair[Symbol.asyncDispose]();
        for (const greeter of greeters.values()) await greeter[Symbol.asyncDispose]();
        for (const attempt of attempts) attempt.reset();
        await turns();
      } finally {
        place.leave();
      }
    },
  };
}

function follow(attempt: Attempt, socket: Socket, to: SocketAddress): void {
  socket.once('connect', () => {
    attempt.onOpen({
      send: (text) => socket.write(text),
      end: () => socket.end(),
      reset: () => socket.resetAndDestroy(),
    });
  });
  socket.on('data', (bytes) => {
    attempt.onBytes(bytes);
  });
  socket.once('end', () => {
    attempt.onEnd();
  });
  socket.once('error', () => {
    attempt.onLost();
  });
  socket.connect({ host: to.address, port: to.port });
}

/** The n-th address of a /16, given by its first two parts. */
export function addressIn(prefix: string, n: number): IpAddress {
  return address(`${prefix}.${Math.floor(n / 250)}.${(n % 250) + 1}`);
}
