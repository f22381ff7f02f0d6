import { ConsulCatalog } from '../consul/consul-catalog.ts';
import { SimConsulClient } from '../consul/sim-consul-client.ts';
import { adapterSources, consulDiscovery } from '../sources.ts';
import type { ServiceName } from '../../src/domain/service-name.ts';
import type { Endpoint } from '../../src/domain/endpoint.ts';
import type { ConsulHealth } from '../consul/consul-catalog.ts';
import type { SourceDependencies, Sources } from '../sources.ts';
import type { Scenario } from './scenario.ts';
import type { Stage } from './stage.ts';

/**
 * How long a loss without proof is only suspected [C7], and the longest pause before Consul is asked again.
 */
const LOSS_HOLD_MS = 10_000;
const BACKOFF_MS = 6_000;

/** The longest that a server which stopped answering goes unnoticed: the wait of a query, and some. */
const SILENCE_MS = 60_000;

const NODE = 'n1';

/** A Consul of a scenario: what it shows, and what it was asked. */
interface Consul {
  readonly catalog: ConsulCatalog;
  readonly client: SimConsulClient;
}

/** What goes wrong between Consul and embassy. */
export const CONSUL_SCENARIOS: readonly Scenario[] = [
  scenario('P11', 'an index that goes back to the start costs no endpoint', async (stage, { catalog }) => {
    const endpoints = await twoServed(stage);
    const web = stage.start('web', ['/a;80']);
    await stage.pass(1_000);
    catalog.wipe();
    for (const endpoint of endpoints) register(catalog, '/a', endpoint);
    for (let n = 0; n < 10; n += 1) {
      await stage.pass(1_000);
      await stage.expectServed(web, 80);
    }
    catalog.deregister('a', NODE, '/a/10.1.0.1:80');
    stage.world.truth.deregister('/a', '/a/10.1.0.1:80');
    // For a while after a reset a loss is doubted even where it is proven.
    await stage.pass(LOSS_HOLD_MS + 1_000);
    await stage.expectServed(web, 80, endpoints[1]);
  }),
  scenario('P11', 'wakes for nothing are not answered with a storm of questions', async (stage, consul) => {
    await twoServed(stage);
    const web = stage.start('web', ['/a;80']);
    await stage.pass(1_000);
    const before = consul.client.asked.length;
    for (let n = 0; n < 1_000; n += 1) {
      consul.catalog.wakeForNothing('a');
      await stage.clock.advance(10);
    }
    const asked = consul.client.asked.length - before;
    stage.expect('at most five questions a second', asked, asked <= 50);
    await stage.expectServed(web, 80);
  }),
  scenario(
    'P12',
    'the empty answer of a follower that just started empties nothing',
    async (stage, consul) => {
      await twoServed(stage);
      const web = stage.start('web', ['/a;80']);
      await stage.pass(1_000);
      consul.catalog.isFresh = true;
      consul.catalog.wakeForNothing('a');
      await servedFor(stage, web, 2 * LOSS_HOLD_MS);
      consul.catalog.isFresh = false;
    },
  ),
  ...(['leaderless', 'down', 'silent', 'refusing', 'foreign', 'misshapen'] as const).map((health) =>
    scenario(
      health === 'leaderless' ? 'P12' : 'P14',
      `the last known endpoints serve while Consul is ${health}, and what changed is known after`,
      async (stage, { catalog }) => {
        const [old, young] = await twoServed(stage);
        const web = stage.start('web', ['/a;80']);
        await stage.pass(1_000);
        begin(stage, catalog, health);
        if (old !== undefined) stage.deregister('/a', old);
        await servedFor(stage, web, 3 * LOSS_HOLD_MS);
        end(stage, catalog);
        await stage.pass(SILENCE_MS);
        for (let n = 0; n < 3; n += 1) await stage.expectServed(web, 80, young);
      },
    ),
  ),
  scenario(
    'P13',
    'a list that rights have emptied empties nothing, and is called forbidden',
    async (stage, consul) => {
      await twoServed(stage);
      const web = stage.start('web', ['/a;80']);
      await stage.pass(1_000);
      begin(stage, consul.catalog, 'blind');
      consul.catalog.wakeForNothing('a');
      await servedFor(stage, web, 2 * LOSS_HOLD_MS);
      const [watch] = stage.world.daemon.services.watches;
      stage.expect('the status is forbidden', watch?.status, watch?.status === 'forbidden');
      end(stage, consul.catalog);
      await servedFor(stage, web, LOSS_HOLD_MS);
    },
  ),
  scenario('C7', 'an empty store is believed only after the hold', async (stage, { catalog }) => {
    await twoServed(stage);
    const web = stage.start('web', ['/a;80']);
    await stage.pass(1_000);
    catalog.wipe();
    await servedFor(stage, web, LOSS_HOLD_MS - 2_000);
    await stage.pass(BACKOFF_MS);
    await stage.expectRefused(web, 80);
  }),
];

function scenario(
  id: string,
  title: string,
  play: (stage: Stage, consul: Consul) => Promise<void>,
): Scenario {
  let consul: Consul | undefined;
  return {
    id,
    title,
    bounds: { discovery: 120_000 },
    sources: (parts) => {
      const catalog = new ConsulCatalog(parts);
      consul = { catalog, client: new SimConsulClient({ clock: parts.clock, catalogs: [catalog] }) };
      return consulSources(parts, consul);
    },
    play: async (stage) => {
      if (consul === undefined) throw new Error('the world was made without its sources');
      await play(stage, consul);
    },
  };
}

/** Docker as ever, and Consul in the place of etcd. */
function consulSources(parts: SourceDependencies, { catalog, client }: Consul): Sources {
  const { clock, engine } = parts;
  const docker = adapterSources(parts);
  return {
    ...docker,
    store: undefined,
    connect: ({ random, log }) => {
      const { provider } = docker.connect({ random, log });
      const discovery = consulDiscovery({ clock, random, catalog }, 'etcd', client);
      return { provider, discoveries: new Map([['etcd', discovery]]) };
    },
    register: (service, endpoint) => {
      register(catalog, service, endpoint);
    },
    deregister: (service, endpoint) => {
      catalog.deregister(service.slice(1), NODE, endpoint.id);
    },
    expire: () => undefined,
    openStreams: () => engine.openStreams + catalog.followers,
  };
}

function register(catalog: ConsulCatalog, service: ServiceName | string, endpoint: Endpoint): void {
  const { id, address, port } = endpoint;
  catalog.register(service.slice(1), { node: NODE, id, address, port, check: 'passing' });
}

async function twoServed(stage: Stage): Promise<readonly Endpoint[]> {
  return [await stage.serve('/a', '10.1.0.1:80'), await stage.serve('/a', '10.1.0.2:80')];
}

/** Expects that every call is served, one each second. */
async function servedFor(stage: Stage, id: string, ms: number): Promise<void> {
  const endAtMs = stage.clock.monotonicMs() + ms;
  while (stage.clock.monotonicMs() < endAtMs) {
    await stage.expectServed(id, 80);
    await stage.pass(1_000);
  }
}

function begin(stage: Stage, catalog: ConsulCatalog, health: ConsulHealth): void {
  stage.world.truth.outageBegan('etcd');
  catalog.setHealth(health);
  // A blocking query that is under way is answered late; a cut one is asked again at once.
  if (health !== 'silent') catalog.cutAll();
}

function end(stage: Stage, catalog: ConsulCatalog): void {
  catalog.setHealth('up');
  stage.world.truth.outageEnded('etcd');
}
