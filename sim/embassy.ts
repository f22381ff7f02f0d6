import { IptablesRedirector } from '../src/adapters/iptables/iptables-redirector.ts';
import { CaptureKeeper } from '../src/app/capture-keeper.ts';
import { Daemon } from '../src/app/daemon.ts';
import { RESILIENCE_DEFAULT } from '../src/app/pool.ts';
import { UserspaceProxier } from '../src/app/userspace-proxier.ts';
import { createRelay } from '../src/app/relay.ts';
import { SimProber } from './prober.ts';
import { SimResolver } from './resolver.ts';
import type { IptablesClient } from '../src/adapters/iptables/iptables-client.ts';
import type { EndpointMemory } from '../src/app/endpoint-memory.ts';
import type { RoutingDefaults } from '../src/app/routing.ts';
import type { SocketAddress } from '../src/domain/address.ts';
import type { Clock } from '../src/ports/clock.ts';
import type { Dialer } from '../src/ports/dialer.ts';
import type { Discovery } from '../src/ports/discovery.ts';
import type { Log } from '../src/ports/log.ts';
import type { Metrics } from '../src/ports/metrics.ts';
import type { Provider } from '../src/ports/provider.ts';
import type { Proxier } from '../src/ports/proxier.ts';
import type { Relay } from '../src/ports/relay.ts';
import type { SimClock } from './clock.ts';
import type { SimHost } from './host.ts';
import type { Observer } from './observer.ts';
import type { SeededRandom } from './random.ts';
import type { Connections } from './sources.ts';

/** The options of every simulated daemon: the defaults of the command line. */
const DRAIN_MS = 8_000;
const LOSS_HOLD_MS = 10_000;
const ENDPOINT_DRAIN_MS = 60_000;
const UNKNOWN_WAIT_MS = 3_000;
const HALF_CLOSE_TIMEOUT_MS = 60_000;

/** The bounds of a simulated daemon that its operator may choose. */
export interface Limits {
  readonly maxBindings: number;
  readonly maxConnections: number;
  readonly maxConnectionsPerBinding: number;
}

/** The defaults of the command line. */
export const LIMITS_DEFAULT: Limits = {
  maxBindings: 256,
  maxConnections: 10_000,
  maxConnectionsPerBinding: 10_000,
};

/** Puts something broken between the daemon and what it works with, to see that a checker notices. */
export interface Breakage {
  readonly provider?: (provider: Provider, clock: Clock) => Provider;
  readonly discovery?: (discovery: Discovery) => Discovery;
  readonly proxier?: (proxier: Proxier) => Proxier;
  readonly dialer?: (dialer: Dialer) => Dialer;
  readonly relay?: (relay: Relay) => Relay;
  readonly iptables?: (client: IptablesClient) => IptablesClient;
  /** Takes other bounds than the operator's. */
  readonly limits?: (limits: Limits) => Limits;
}

/** What a simulated embassy works with. */
export interface EmbassyDependencies {
  readonly clock: SimClock;
  readonly log: Log;
  readonly random: SeededRandom;
  readonly metrics: Metrics;
  readonly gateway: SimHost;
  readonly connections: Connections;
  readonly iptables: IptablesClient;
  readonly memory: EndpointMemory | undefined;
  /** Stands between embassy and the world, behind whatever is broken. */
  readonly observer: Observer;
}

/**
 * Wires an embassy as src/main.ts does, with the same domain, balancers, app and relay; only its clients are
 * simulated.
 */
export function createEmbassy(
  dependencies: EmbassyDependencies,
  options: {
    readonly listener: SocketAddress;
    readonly breakage: Breakage;
    readonly limits: Limits;
    readonly defaults: RoutingDefaults;
  },
): { readonly daemon: Daemon; readonly proxier: UserspaceProxier } {
  const { clock, log, metrics, random, gateway, connections, memory, observer } = dependencies;
  const { breakage, listener } = options;
  const shared = { clock, log, metrics };
  const limits = breakage.limits?.(options.limits) ?? options.limits;
  const observedDialer = observer.dialer(gateway);
  const dialer = breakage.dialer?.(observedDialer) ?? observedDialer;
  const ownRelay = createRelay({ clock });
  const relay = observer.relay(breakage.relay?.(ownRelay) ?? ownRelay);
  const proxier = new UserspaceProxier(
    { ...shared, listener: gateway, isLocal: () => false, dialer, relay },
    {
      listen: { kind: 'captured', at: [listener] },
      maxConnections: limits.maxConnections,
      unknownWaitMs: UNKNOWN_WAIT_MS,
      halfCloseTimeoutMs: HALF_CLOSE_TIMEOUT_MS,
      maxConnectionsPerBinding: limits.maxConnectionsPerBinding,
      endpointDrainMs: ENDPOINT_DRAIN_MS,
    },
  );
  const provider = observer.provider(connections.provider);
  const observedProxier = observer.proxier(proxier);
  const discoveries = [...connections.discoveries].map(([name, discovery]) => {
    return [name, breakage.discovery?.(discovery) ?? discovery] as const;
  });
  const { iptables } = dependencies;
  const redirector = new IptablesRedirector({ client: breakage.iptables?.(iptables) ?? iptables, log });
  const virtualIps = [listener.address];
  const capture = new CaptureKeeper(
    { ...shared, random: random.fork('capture'), redirector },
    { kind: 'dnat', virtualIps, listeners: [listener], unbound: 'refuse', hostAddresses: () => virtualIps },
  );
  const daemon = new Daemon(
    {
      ...shared,
      random: random.fork('daemon'),
      providers: [breakage.provider?.(provider, clock) ?? provider],
      discoveries: new Map(discoveries),
      memory,
      resolver: new SimResolver(),
      prober: new SimProber(gateway),
      proxier: breakage.proxier?.(observedProxier) ?? observedProxier,
      capture,
    },
    {
      defaults: options.defaults,
      maxBindings: limits.maxBindings,
      lossHoldMs: LOSS_HOLD_MS,
      resilience: RESILIENCE_DEFAULT,
      unknownWaitMs: UNKNOWN_WAIT_MS,
      drainMs: DRAIN_MS,
      failFast: false,
    },
  );
  return { daemon, proxier };
}
