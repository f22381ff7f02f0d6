import { DockerHost } from './docker-host.ts';
import { endpointMachine, startEndpoint } from './endpoint.ts';
import { EtcdServer } from './etcd.ts';
import { startOuterNetwork } from './outer-network.ts';
import type { Endpoint } from './endpoint.ts';
import type { StartedEtcdServer } from './etcd.ts';
import type { EmbassyOptions, RunningEmbassy, StartedDockerHost } from './started-docker-host.ts';
import type { StartedMachine } from './started-machine.ts';

/** A daemon that reads nothing but a local engine is ready in a second; a busy machine takes its time. */
const READY_TIMEOUT_MS = 20_000;

/** Endpoints are named, and an endpoint's port follows from when it was started. */
const FIRST_PORT = 8001;

/** A Docker host, an etcd and a machine of endpoints on one wire: where embassy does its main job. */
export class World implements AsyncDisposable {
  readonly host: StartedDockerHost;
  readonly etcd: StartedEtcdServer;
  /** Another host of the network, where the endpoints run. */
  readonly endpoints: StartedMachine;
  /** The default virtual IP: the address of docker0. */
  readonly virtualIp: string;
  private readonly stack: AsyncDisposableStack;
  private nextPort = FIRST_PORT;

  private constructor(
    parts: Pick<World, 'host' | 'etcd' | 'endpoints' | 'virtualIp'>,
    stack: AsyncDisposableStack,
  ) {
    this.host = parts.host;
    this.etcd = parts.etcd;
    this.endpoints = parts.endpoints;
    this.virtualIp = parts.virtualIp;
    this.stack = stack;
  }

  /** @param engineOptions - for the host's dockerd, such as `--live-restore` */
  static async start(...engineOptions: readonly string[]): Promise<World> {
    await using stack = new AsyncDisposableStack();
    const network = stack.use(await startOuterNetwork());
    const host = stack.use(await new DockerHost(network).withEngineOptions(...engineOptions).start());
    const etcd = stack.use(await new EtcdServer(network).start());
    const endpoints = stack.use(await endpointMachine(network).start());
    const virtualIp = await host.interfaceAddress('docker0');
    return new World({ host, etcd, endpoints, virtualIp }, stack.move());
  }

  /** The command line of the issue: everything else is as a user finds it. */
  get arguments(): readonly string[] {
    return ['-provider=docker', `-discovery=${this.etcd.url}`, '-interface=eth0', '--dnat'];
  }

  /** Starts embassy and waits until it captures. Arguments come after the usual ones. */
  async embassy(extra: readonly string[] = [], options: EmbassyOptions = {}): Promise<RunningEmbassy> {
    const embassy = await this.host.startEmbassy([...this.arguments, ...extra], options);
    try {
      await embassy.waitForLog(/capturing (?:bound )?traffic for /u, READY_TIMEOUT_MS);
    } catch (error) {
      await embassy[Symbol.asyncDispose]();
      throw error;
    }
    return embassy;
  }

  /** Starts an endpoint that answers with its name. It is not registered. */
  async serve(name: string): Promise<Endpoint> {
    const port = this.nextPort;
    this.nextPort += 1;
    return startEndpoint(this.endpoints, { kind: 'http', name, port });
  }

  /** Starts an endpoint and registers it under a service. */
  async offer(service: string, name: string): Promise<Endpoint> {
    const endpoint = await this.serve(name);
    await this.register(service, endpoint);
    return endpoint;
  }

  /** Registers an endpoint in the layout of the original, or replaces what is registered by its name. */
  async register(
    service: string,
    endpoint: Pick<Endpoint, 'name' | 'address' | 'port'>,
    lease?: string,
  ): Promise<void> {
    const { name, address, port } = endpoint;
    const document = { id: name, ipaddress: address, host_port: String(port), proto: 'tcp' };
    await this.etcd.put(`${service}/${name}`, JSON.stringify(document), lease);
  }

  async withdraw(service: string, name: string): Promise<void> {
    await this.etcd.delete(`${service}/${name}`);
  }

  /** Removes containers, networks and registrations, so that the next test begins with none. */
  async clear(): Promise<void> {
    await this.host.removeConsumers();
    await this.etcd.deletePrefix('/services/');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stack.disposeAsync();
  }
}
