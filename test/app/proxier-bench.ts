import { SimClock } from '../../sim/clock.ts';
import { MemoryLog } from '../../sim/log.ts';
import { MemoryMetrics } from '../../sim/metrics.ts';
import { SimNetwork } from '../../sim/network.ts';
import { createRelay } from '../../src/app/relay.ts';
import { UserspaceProxier } from '../../src/app/userspace-proxier.ts';
import { formatSocketAddress } from '../../src/domain/address.ts';
import { at } from '../support/addresses.ts';
import { address } from '../support/endpoints.ts';
import { settle } from '../support/settle.ts';
import type { SimHost } from '../../sim/host.ts';
import type { UserspaceDependencies, UserspaceOptions } from '../../src/app/userspace-proxier.ts';
import type { Endpoint } from '../../src/domain/endpoint.ts';
import type { AccessRecord } from '../../src/ports/access-log.ts';
import type { Connection } from '../../src/ports/connection.ts';

const { signal } = new AbortController();

/** A consumer's connection through the proxier, and what came of it. */
export interface Attempt {
  /** Everything received so far. */
  received: string;
  /** `open`, or how and when it ended. */
  state: 'dialling' | 'open' | 'ended' | 'refused';
  endedAtMs: number | undefined;
  connection: Connection | undefined;
}

/** A proxier on a simulated network, with consumers that dial its virtual IP. */
export interface ProxierBench {
  readonly clock: SimClock;
  readonly network: SimNetwork;
  readonly log: MemoryLog;
  readonly metrics: MemoryMetrics;
  readonly proxier: UserspaceProxier;
  /** The connections that have ended, as the access log was told. */
  readonly records: readonly AccessRecord[];
  /** Starts an endpoint that greets with its address, then echoes until the peer's end. */
  serve(endpoint: Endpoint): Promise<SimHost>;
  /** Puts a host at the endpoint's address that listens to nothing: it refuses. */
  refuse(endpoint: Endpoint): SimHost;
  /** Puts a host there that is cut off: dials to it get no answer. */
  blackhole(endpoint: Endpoint): void;
  /** Dials the virtual IP from a consumer's address and goes on reading. */
  dial(source: string, port: number): Attempt;
}

/** Builds a bench whose proxier is open. */
export async function proxierBench(
  overrides: Partial<UserspaceOptions> = {},
  parts: Pick<UserspaceDependencies, 'denies'> = {},
): Promise<ProxierBench> {
  const clock = new SimClock(settle);
  const network = new SimNetwork({ clock });
  const log = new MemoryLog();
  const metrics = new MemoryMetrics();
  const records: AccessRecord[] = [];
  const gateway = network.host([address('172.17.0.1')]);
  network.capture(address('172.17.0.1'), at('172.17.0.1:9999'));
  const dependencies = { clock, log, metrics, dialer: gateway, listener: gateway, isLocal: () => false };
  const proxier = new UserspaceProxier(
    {
      ...dependencies,
      ...parts,
      relay: createRelay({ clock }),
      accessLog: { write: (each) => records.push(each) },
    },
    {
      listen: { kind: 'captured', at: [at('172.17.0.1:9999')] },
      maxConnections: 100,
      unknownWaitMs: 3_000,
      halfCloseTimeoutMs: 60_000,
      maxConnectionsPerBinding: 10_000,
      endpointDrainMs: 60_000,
      ...overrides,
    },
  );
  await proxier.open();
  const consumers = new Map<string, SimHost>();
  return {
    clock,
    network,
    log,
    metrics,
    proxier,
    records,
    serve: async (endpoint) => {
      const host = network.host([endpoint.address]);
      await host.listen(endpoint, (connection) => {
        void greetAndEcho(connection, formatSocketAddress(endpoint));
      });
      return host;
    },
    refuse: (endpoint) => network.host([endpoint.address]),
    blackhole: (endpoint) => {
      network.host([endpoint.address]);
      network.partition(endpoint.address);
    },
    dial: (source, port) => {
      const host = consumers.get(source) ?? network.host([address(source)]);
      consumers.set(source, host);
      const attempt: Attempt = {
        received: '',
        state: 'dialling',
        endedAtMs: undefined,
        connection: undefined,
      };
      void follow(attempt, host, port, clock);
      return attempt;
    },
  };
}

/** An endpoint's side of a connection: says who it is, then returns what it gets. */
async function greetAndEcho(connection: Connection, greeting: string): Promise<void> {
  try {
    await connection.write(Buffer.from(greeting));
    for (let chunk = await connection.read(); chunk !== undefined; chunk = await connection.read()) {
      await connection.write(chunk);
    }
    connection.shutdownWrite();
  } catch {
    // The peer is gone; so is the echo.
  }
}

async function follow(attempt: Attempt, host: SimHost, port: number, clock: SimClock): Promise<void> {
  try {
    const connection = await host.dial(at(`172.17.0.1:${port}`), { timeoutMs: 1_000, signal });
    attempt.connection = connection;
    attempt.state = 'open';
    for (let chunk = await connection.read(); chunk !== undefined; chunk = await connection.read()) {
      attempt.received += Buffer.from(chunk).toString();
    }
    attempt.state = 'ended';
  } catch {
    attempt.state = attempt.received === '' ? 'refused' : 'ended';
  }
  attempt.endedAtMs = clock.monotonicMs();
}
