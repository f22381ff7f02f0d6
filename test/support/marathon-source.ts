import { MarathonDiscovery } from '../../src/adapters/marathon/marathon-discovery.ts';
import { parseSocketAddress } from '../../src/domain/address.ts';
import { SimClock } from '../../sim/clock.ts';
import { MarathonCluster } from '../../sim/marathon/marathon-cluster.ts';
import { SimMarathonClient } from '../../sim/marathon/sim-marathon-client.ts';
import { SeededRandom } from '../../sim/random.ts';
import { settle } from './settle.ts';
import type { AppDocument, TaskDocument } from '../../src/adapters/marathon/app-document.ts';
import type { ServiceName } from '../../src/domain/service-name.ts';
import type { ClusterOptions } from '../../sim/marathon/marathon-cluster.ts';
import type { DiscoverySource } from '../contracts/discovery.contract.ts';

/** A discovery over a simulated cluster, with the levers of both. */
export interface MarathonWorld {
  readonly clock: SimClock;
  readonly cluster: MarathonCluster;
  readonly client: SimMarathonClient;
  readonly discovery: MarathonDiscovery;
}

/** Makes a cluster and a discovery that asks it. */
export function marathonWorld(options: ClusterOptions = {}): MarathonWorld {
  const clock = new SimClock(settle);
  const cluster = new MarathonCluster(options);
  const client = new SimMarathonClient({ clock, cluster });
  const discovery = new MarathonDiscovery(
    { client, clock, random: new SeededRandom(1) },
    { name: 'marathon' },
  );
  return { clock, cluster, client, discovery };
}

/** An app in host mode with one port, 80. */
export function hostApp(id: string, rest: Partial<AppDocument> = {}): AppDocument {
  return { id, instances: 1, portDefinitions: [{ port: 80, protocol: 'tcp' }], ...rest };
}

/** A running task at `host:port`. */
export function taskAt(id: string, at: string, rest: Partial<TaskDocument> = {}): TaskDocument {
  const socket = parseSocketAddress(at);
  if (socket === undefined) throw new Error(`not an address: ${at}`);
  return { id, host: socket.address, ports: [socket.port], state: 'TASK_RUNNING', ...rest };
}

/** Marathon for the contract of discoveries: each service is an app, each instance a task. */
export async function simMarathonSource(options: ClusterOptions = {}): Promise<DiscoverySource> {
  const world = marathonWorld(options);
  const { clock, cluster, client } = world;
  const appOf = (service: ServiceName): string => service;
  const known = new Set<string>();
  const deploy = (service: ServiceName): void => {
    if (known.has(service)) return;
    known.add(service);
    // The contract's services name no port: the discovery under test is given them with one.
    cluster.deploy(hostApp(appOf(service), { instances: 0, tasks: [] }));
  };
  const { discovery } = world;
  return {
    discovery: {
      name: discovery.name,
      watch: (service, watching) => discovery.watch(`${service}/80` as ServiceName, watching),
      probe: async (asking) => discovery.probe(asking),
      [Symbol.asyncDispose]: async () => dispose(world),
    },
    isReal: false,
    declare: async (service) => {
      deploy(service);
    },
    put: async (service, name, at) => {
      deploy(service);
      cluster.run(appOf(service), taskAt(`${service}.${name}`, at));
    },
    remove: async (service, name) => {
      cluster.kill(appOf(service), `${service}.${name}`);
    },
    putBad: async (service, name) => {
      cluster.run(appOf(service), {
        id: `${service}.${name}`,
        host: '10.0.0.9',
        ports: [0],
        state: 'TASK_RUNNING',
      });
    },
    cut: async () => {
      for (const master of cluster.masters) master.health = 'down';
      cluster.cutStreams();
    },
    repair: async () => {
      for (const master of cluster.masters) master.health = 'up';
      cluster.isForbidden = false;
    },
    forbid: async () => {
      cluster.isForbidden = true;
    },
    losePosition: async () => {
      cluster.cutStreams();
    },
    putExpiring: undefined,
    // The end of a subscription is a question that takes its time.
    pass: async (ms) => clock.advance(Math.max(ms, 10)),
    held: async () => clock.pendingTimers + cluster.streams + client.listeners,
    [Symbol.asyncDispose]: async () => dispose(world),
  };
}

/** Ends a discovery; what it still has to ask takes simulated time. */
async function dispose({ clock, discovery }: MarathonWorld): Promise<void> {
  const done = discovery[Symbol.asyncDispose]();
  await clock.advance(5_000);
  await done;
}
