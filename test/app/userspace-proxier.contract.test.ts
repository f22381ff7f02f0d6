import { SimClock } from '../../sim/clock.ts';
import { MemoryLog } from '../../sim/log.ts';
import { MemoryMetrics } from '../../sim/metrics.ts';
import { SimNetwork } from '../../sim/network.ts';
import { createRelay } from '../../src/app/relay.ts';
import { UserspaceProxier } from '../../src/app/userspace-proxier.ts';
import { describeProxierContract } from '../contracts/proxier.contract.ts';
import { Attempt } from '../support/proxier-attempt.ts';
import { Greeter } from '../support/greeter.ts';
import { address, endpoint, port } from '../support/endpoints.ts';
import { settle } from '../support/settle.ts';
import type { SimHost } from '../../sim/host.ts';
import type { ListenPlan } from '../../src/app/listener-set.ts';
import type { SocketAddress } from '../../src/domain/address.ts';
import type { ProxierWorld } from '../support/proxier-world.ts';

const VIRTUAL_IP = address('172.17.0.1');
const UNKNOWN_WAIT_MS = 3_000;
const OFFSET = 8_000;

describeProxierContract('UserspaceProxier, captured, on the simulated network,', async () =>
  simWorld({ kind: 'captured', at: [{ address: VIRTUAL_IP, port: port(9_999) }] }),
);
describeProxierContract('UserspaceProxier, listening, on the simulated network,', async () =>
  simWorld({ kind: 'direct', address: VIRTUAL_IP, offset: OFFSET }),
);

async function simWorld(listen: ListenPlan): Promise<ProxierWorld> {
  const clock = new SimClock(settle);
  const network = new SimNetwork({ clock });
  const gateway = network.host([VIRTUAL_IP]);
  const consumers = new Map<number, SimHost>();
  const greeters = new Map<string, Greeter>();
  if (listen.kind === 'captured') for (const at of listen.at) network.capture(VIRTUAL_IP, at);
  const metrics = new MemoryMetrics();
  const proxier = new UserspaceProxier(
    {
      clock,
      metrics,
      log: new MemoryLog(),
      dialer: gateway,
      listener: gateway,
      isLocal: () => false,
      relay: createRelay({ clock }),
    },
    {
      listen,
      maxConnections: 1_000,
      unknownWaitMs: UNKNOWN_WAIT_MS,
      halfCloseTimeoutMs: 60_000,
      maxConnectionsPerBinding: 10_000,
      endpointDrainMs: 60_000,
    },
  );
  await proxier.open();
  const hostOf = (n: number): SimHost => {
    const host =
      consumers.get(n) ?? network.host([address(`172.18.${Math.floor(n / 250)}.${(n % 250) + 1}`)]);
    consumers.set(n, host);
    return host;
  };
  return {
    proxier,
    unknownWaitMs: UNKNOWN_WAIT_MS,
    imbalanceMax: 0,
    outlives: false,
    consumer: (n) => {
      const [first] = hostOf(n).addresses;
      if (first === undefined) throw new Error('a host has an address');
      return first;
    },
    serve: async () => {
      const started = endpoint(greeters.size);
      const greeter = new Greeter();
      await greeter.open(network.host([started.address]), started);
      greeters.set(started.id, greeter);
      return started;
    },
    openAt: async (at) => greeters.get(at.id)?.openConnections ?? 0,
    dial: (source, dialled) => {
      const host = [...consumers.values()].find(({ addresses }) => addresses.includes(source));
      if (host === undefined) throw new Error(`no consumer has ${source}`);
      const attempt = new Attempt(() => clock.monotonicMs());
      const at = listen.kind === 'direct' ? port(dialled + OFFSET) : dialled;
      void follow(attempt, host, { address: VIRTUAL_IP, port: at });
      return attempt;
    },
    pass: async (ms) => clock.advance(ms),
    leftovers: async () => {
      await clock.advance(0);
      return Object.entries({
        'lives of connections': proxier.openConnections,
        connections: network.openConnections,
        timers: clock.pendingTimers,
      }).flatMap(([what, count]) => (count === 0 ? [] : [`${count} ${what}`]));
    },
    [Symbol.asyncDispose]: async () => {
      await proxier[Symbol.asyncDispose]();
      for (const greeter of greeters.values()) await greeter[Symbol.asyncDispose]();
    },
  };
}

async function follow(attempt: Attempt, host: SimHost, to: SocketAddress): Promise<void> {
  try {
    const { signal } = new AbortController();
    const connection = await host.dial(to, { timeoutMs: 1_000, signal });
    attempt.onOpen({
      send: (text) => {
        connection.write(Buffer.from(text)).catch(() => undefined);
      },
      end: () => {
        connection.shutdownWrite();
      },
      reset: () => {
        connection.reset();
      },
    });
    for (let chunk = await connection.read(); chunk !== undefined; chunk = await connection.read()) {
      attempt.onBytes(chunk);
    }
    attempt.onEnd();
  } catch {
    attempt.onLost();
  }
}
