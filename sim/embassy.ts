import { Daemon } from '../src/app/daemon.ts';
import { RESILIENCE_DEFAULT } from '../src/app/pool.ts';
import { UserspaceProxier } from '../src/app/userspace-proxier.ts';
import { createRelay } from '../src/app/relay.ts';
import { SimProber } from './prober.ts';
import { SimResolver } from './resolver.ts';
import type { RoutingDefaults } from '../src/app/routing.ts';
import type { SocketAddress } from '../src/domain/address.ts';
import type { Discovery } from '../src/ports/discovery.ts';
import type { Log } from '../src/ports/log.ts';
import type { Metrics } from '../src/ports/metrics.ts';
import type { Provider } from '../src/ports/provider.ts';
import type { Proxier } from '../src/ports/proxier.ts';
import type { SimClock } from './clock.ts';
import type { SimHost } from './host.ts';
import type { SeededRandom } from './random.ts';
import type { Sources } from './sources.ts';

/** The options of every simulated daemon: the defaults of the command line. */
export const DEFAULTS: RoutingDefaults = {
  discoveries: [{ name: 'etcd', wildcards: true }],
  balance: 'round-robin',
};
export const MAX_BINDINGS = 256;
const DRAIN_MS = 8_000;
const LOSS_HOLD_MS = 10_000;
const MAX_CONNECTIONS = 10_000;
const ENDPOINT_DRAIN_MS = 60_000;
const UNKNOWN_WAIT_MS = 3_000;
const HALF_CLOSE_TIMEOUT_MS = 60_000;

/** Puts something broken between the daemon and what it works with, to see that a checker notices. */
export interface Breakage {
  readonly provider?: (provider: Provider) => Provider;
  readonly discovery?: (discovery: Discovery) => Discovery;
  readonly proxier?: (proxier: Proxier) => Proxier;
}

/** What a simulated embassy works with. */
export interface EmbassyDependencies {
  readonly clock: SimClock;
  readonly log: Log;
  readonly random: SeededRandom;
  readonly metrics: Metrics;
  readonly gateway: SimHost;
  readonly sources: Sources;
}

/**
 * Wires an embassy as src/main.ts does, with the same domain, balancers, app and relay; only its clients are
 * simulated.
 */
export function createEmbassy(
  dependencies: EmbassyDependencies,
  options: { readonly listener: SocketAddress; readonly breakage: Breakage },
): { readonly daemon: Daemon; readonly proxier: UserspaceProxier } {
  const { clock, log, metrics, random, gateway, sources } = dependencies;
  const { breakage, listener } = options;
  const shared = { clock, log, metrics };
  const proxier = new UserspaceProxier(
    { ...shared, listener: gateway, isLocal: () => false, dialer: gateway, relay: createRelay({ clock }) },
    {
      listen: { kind: 'captured', at: [listener] },
      maxConnections: MAX_CONNECTIONS,
      unknownWaitMs: UNKNOWN_WAIT_MS,
      halfCloseTimeoutMs: HALF_CLOSE_TIMEOUT_MS,
      maxConnectionsPerBinding: MAX_CONNECTIONS,
      endpointDrainMs: ENDPOINT_DRAIN_MS,
    },
  );
  const discovery = breakage.discovery?.(sources.discovery) ?? sources.discovery;
  const daemon = new Daemon(
    {
      ...shared,
      random: random.fork('daemon'),
      providers: [breakage.provider?.(sources.provider) ?? sources.provider],
      discoveries: new Map([['etcd', discovery]]),
      memory: undefined,
      resolver: new SimResolver(),
      prober: new SimProber(gateway),
      proxier: breakage.proxier?.(proxier) ?? proxier,
      capture: undefined,
    },
    {
      defaults: DEFAULTS,
      maxBindings: MAX_BINDINGS,
      lossHoldMs: LOSS_HOLD_MS,
      resilience: RESILIENCE_DEFAULT,
      unknownWaitMs: UNKNOWN_WAIT_MS,
      drainMs: DRAIN_MS,
      failFast: false,
    },
  );
  return { daemon, proxier };
}
