import { Etcd3 } from 'etcd3';
import { ConsulServer } from '../../e2e/support/consul.ts';
import { EtcdServer } from '../../e2e/support/etcd.ts';
import type { StartedNetwork } from 'testcontainers';

/** etcd takes no more in one transaction. */
const PUTS_PER_TRANSACTION = 100;

/** How many registrations are under way at Consul at once. */
const REGISTRATIONS_AT_ONCE = 16;

/** An endpoint to register: its service, its name within it, and where it is. */
export interface Registration {
  readonly service: string;
  readonly name: string;
  readonly port: number;
}

/** A real server that endpoints are registered at. */
export interface Registry extends AsyncDisposable {
  readonly name: string;
  /** What `-discovery` is to be. */
  readonly url: string;
  /** The limit of connections of one client address that the server runs with, in words. */
  readonly limits: string;
  /** A service's name as descriptors write it there. */
  serviceName(index: string): string;
  register(registrations: readonly Registration[]): Promise<void>;
}

/** etcd, one member. */
export async function startEtcd(network: StartedNetwork): Promise<Registry> {
  const server = await new EtcdServer(network).start();
  const client = new Etcd3({ hosts: `http://${server.address}:${server.port}` });
  return {
    name: 'etcd',
    url: server.url,
    limits: 'no limit',
    serviceName: (index) => `/services/bench/${index}`,
    register: async (registrations) => {
      for (let first = 0; first < registrations.length; first += PUTS_PER_TRANSACTION) {
        const some = registrations.slice(first, first + PUTS_PER_TRANSACTION);
        const puts = some.map(({ service, name, port }) =>
          client.put(`${service}/${name}`).value(`127.0.0.1:${port}`),
        );
        await client
          .if('nothing', 'Create', '==', 0)
          .then(...puts)
          .commit();
      }
    },
    [Symbol.asyncDispose]: async () => {
      client.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** Consul, one server, with the limits it comes with. */
export async function startConsul(network: StartedNetwork): Promise<Registry> {
  const server = await new ConsulServer(network).start();
  const put = async (body: unknown): Promise<void> => {
    const answer = await fetch(`http://${server.address}:8500/v1/catalog/register`, {
      method: 'PUT',
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`Consul answered ${answer.status}: ${await answer.text()}`);
  };
  const register = async ({ service, name, port }: Registration): Promise<void> => {
    const ID = `${service}-${name}`;
    const Service = { ID, Service: service, Address: '127.0.0.1', Port: port };
    await put({ Node: `node-${name}`, Address: '127.0.0.1', SkipNodeUpdate: true, Service });
  };
  return {
    name: 'Consul',
    url: server.url,
    limits: 'http_max_conns_per_client at its default, 200',
    serviceName: (index) => `bench-${index}`,
    register: async (registrations) => {
      const left = [...registrations];
      // A node must be there before services are told to be on it.
      for (const name of new Set(left.map((registration) => registration.name))) {
        await put({ Node: `node-${name}`, Address: '127.0.0.1' });
      }
      const work = async (): Promise<void> => {
        for (let next = left.pop(); next !== undefined; next = left.pop()) await register(next);
      };
      await Promise.all(Array.from({ length: REGISTRATIONS_AT_ONCE }, work));
    },
    [Symbol.asyncDispose]: async () => server[Symbol.asyncDispose](),
  };
}
