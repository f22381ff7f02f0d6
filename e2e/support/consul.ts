import { z } from 'zod';
import { environment } from './environment.ts';
import { Machine } from './machine.ts';
import { StartedMachine } from './started-machine.ts';
import { until } from './until.ts';

import type { StartedNetwork } from 'testcontainers';
import type { RunningProcess } from './running-process.ts';

const HTTP_PORT = 8500;
const HTTPS_PORT = 8501;
const TLS_DIRECTORY = '/var/lib/consul-tls';
const DATA_DIRECTORY = '/var/lib/consul-e2e';
const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 20_000;
const REQUEST_TIMEOUT_MS = 10_000;
/** The token that may do everything. */
const ROOT_TOKEN = 'root';

const ID = z.object({ ID: z.string() });
const SECRET = z.object({ SecretID: z.string() });
const LEADER = z.string();

/** What a Consul cluster is like. */
export interface ConsulOptions {
  /** Checks rights, and denies what no policy gives. */
  readonly hasAcl?: boolean;
  /** Answers at `tlsPort`, too, with a certificate of an authority of its own. */
  readonly hasTls?: boolean;
}

/** An instance to register at a server's own agent, with a check that a test sets by hand. */
export interface ConsulRegistration {
  readonly id: string;
  readonly address: string;
  readonly port: number;
  readonly tags?: readonly string[];
  /** How long its check passes unless it is told again, e.g. `2s`. Default: for the test. */
  readonly ttl?: string;
}

/** A Consul server on a machine of its own. Its address and its data stay while it is stopped. */
export class ConsulServer extends Machine {
  private readonly options: ConsulOptions;

  constructor(network: StartedNetwork, options: ConsulOptions = {}) {
    super(environment().images.consul, network);
    this.options = options;
    // For `partition`.
    this.withAddedCapabilities('NET_ADMIN');
  }

  /** Starts the machine alone, for a cluster whose members must know each other first. */
  async startMachine(): Promise<StartedConsulServer> {
    return new StartedConsulServer(await super.start(), this.network, this.sharedDirectory, this.options);
  }

  /** Gives the server once it leads a cluster of its own. */
  override async start(): Promise<StartedConsulServer> {
    const server = await this.startMachine();
    try {
      await server.startServer();
      await server.waitForLeader();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }
}

/** Starts servers that are one cluster, and gives them once it has a leader. */
export async function startConsulCluster(
  network: StartedNetwork,
  count: number,
  options: ConsulOptions = {},
): Promise<readonly StartedConsulServer[]> {
  await using stack = new AsyncDisposableStack();
  const servers: StartedConsulServer[] = [];
  for (let index = 0; index < count; index += 1) {
    servers.push(stack.use(await new ConsulServer(network, options).startMachine()));
  }
  const addresses = servers.map(({ address }) => address);
  await Promise.all(servers.map((server) => server.startServer(addresses)));
  await Promise.all(servers.map((server) => server.waitForLeader()));
  stack.move();
  return servers;
}

/** A Consul server that answers. `pause` and `partition` (StartedMachine) make it hang and vanish. */
export class StartedConsulServer extends StartedMachine {
  readonly port = HTTP_PORT;
  readonly tlsPort = HTTPS_PORT;
  private readonly options: ConsulOptions;
  private server: RunningProcess | undefined;
  private members: readonly string[] = [];

  constructor(
    container: ConstructorParameters<typeof StartedMachine>[0],
    network: StartedNetwork,
    sharedDirectory: string,
    options: ConsulOptions,
  ) {
    super(container, network, sharedDirectory);
    this.options = options;
  }

  /** For embassy's `-discovery`. */
  get url(): string {
    return `consul://${this.address}:${this.port}`;
  }

  /** The name of its node: an address is as good as any. */
  get node(): string {
    return `n-${this.address.replaceAll('.', '-')}`;
  }

  /**
   * Starts the server; after `stopServer`, with all it held.
   *
   * @param members - The addresses of the cluster, its own included; the last ones by default.
   */
  async startServer(members = this.members): Promise<void> {
    this.members = members;
    if (this.options.hasTls === true) await this.makeCertificates();
    const others = members.filter((address) => address !== this.address);
    const acl = `acl { enabled = true, default_policy = "deny", tokens { master = "${ROOT_TOKEN}"
      agent = "${ROOT_TOKEN}" } }`;
    const tls = `ports { https = ${HTTPS_PORT} } ca_file = "${TLS_DIRECTORY}/consul-agent-ca.pem"
      cert_file = "${TLS_DIRECTORY}/dc1-server-consul-0.pem"
      key_file = "${TLS_DIRECTORY}/dc1-server-consul-0-key.pem"`;
    this.server = await this.startProcess(
      [
        'consul',
        'agent',
        '-server',
        `-bootstrap-expect=${Math.max(1, members.length)}`,
        `-node=${this.node}`,
        `-bind=${this.address}`,
        '-client=0.0.0.0',
        `-data-dir=${DATA_DIRECTORY}`,
        // An election then takes a second or two, as the documentation has it for production.
        '-hcl=performance { raft_multiplier = 1 }',
        ...(this.options.hasAcl === true ? [`-hcl=${acl}`] : []),
        ...(this.options.hasTls === true ? [`-hcl=${tls}`] : []),
        ...others.map((address) => `-retry-join=${address}`),
      ],
      { name: 'consul' },
    );
  }

  /** Waits until it answers and knows a leader, and its own node is in the catalog. */
  async waitForLeader(): Promise<void> {
    const probe = async (): Promise<true | undefined> => {
      if ((await this.leader()) === '') return undefined;
      const nodes = z.array(z.object({ Node: z.string() })).parse(await this.ask('GET', 'catalog/nodes'));
      return nodes.some(({ Node: name }) => name === this.node) || undefined;
    };
    await until('Consul to have a leader', probe, {
      timeoutMs: START_TIMEOUT_MS,
      explain: async () => (await this.server?.log())?.split('\n').slice(-20).join('\n') ?? '',
    });
  }

  /** Stops the server in order: it answers what is under way, and its port refuses. */
  async stopServer(): Promise<void> {
    await this.server?.signal('SIGINT');
    await this.server?.waitExit(STOP_TIMEOUT_MS);
  }

  /** Ends the server between two instructions. */
  async killServer(): Promise<void> {
    await this.server?.signal('SIGKILL');
    await this.server?.waitExit(STOP_TIMEOUT_MS);
  }

  /** The address of the leader's raft port; empty while there is none. */
  async leader(): Promise<string> {
    return LEADER.parse(await this.ask('GET', 'status/leader'));
  }

  /** Registers an instance, or replaces it; its check passes. */
  async register(service: string, registration: ConsulRegistration): Promise<void> {
    const { id, address, port, tags = [], ttl = '24h' } = registration;
    await this.ask('PUT', 'agent/service/register', {
      Name: service,
      ID: id,
      Address: address,
      Port: port,
      Tags: tags,
      Check: { CheckID: `check:${id}`, TTL: ttl, Status: 'passing' },
    });
    // Only what a check was told outlives a restart of its agent; what it began with does not.
    await this.setCheck(id, 'pass');
  }

  /** Deregisters an instance; one that is not there is not an error. */
  async deregister(id: string): Promise<void> {
    await this.ask('PUT', `agent/service/deregister/${encodeURIComponent(id)}`);
  }

  /** Deregisters every instance registered here. */
  async deregisterAll(): Promise<void> {
    const services = z.record(z.string(), z.unknown()).parse(await this.ask('GET', 'agent/services'));
    for (const id of Object.keys(services)) await this.deregister(id);
  }

  /** Lets an instance's check pass, warn or fail. */
  async setCheck(id: string, state: 'pass' | 'warn' | 'fail'): Promise<void> {
    await this.ask('PUT', `agent/check/${state}/check:${encodeURIComponent(id)}`);
  }

  async setMaintenance(id: string, isMaintained: boolean): Promise<void> {
    await this.ask('PUT', `agent/service/maintenance/${encodeURIComponent(id)}?enable=${isMaintained}`);
  }

  /** Makes a policy, or replaces its rules. @returns Its id. */
  async putPolicy(name: string, rules: string, id?: string): Promise<string> {
    const path = id === undefined ? 'acl/policy' : `acl/policy/${id}`;
    return ID.parse(await this.ask('PUT', path, { Name: name, Rules: rules })).ID;
  }

  /** Makes a token with one policy. @returns Its secret. */
  async makeToken(policyId: string): Promise<string> {
    return SECRET.parse(await this.ask('PUT', 'acl/token', { Policies: [{ ID: policyId }] })).SecretID;
  }

  /** The authority of its certificate, PEM. */
  async authority(): Promise<string> {
    return this.output(['cat', `${TLS_DIRECTORY}/consul-agent-ca.pem`]);
  }

  private async makeCertificates(): Promise<void> {
    const commands = [
      `test ! -e ${TLS_DIRECTORY} || exit 0`,
      `mkdir ${TLS_DIRECTORY} && cd ${TLS_DIRECTORY}`,
      `consul tls ca create && consul tls cert create -server -additional-ipaddress=${this.address}`,
    ];
    await this.output(['sh', '-ec', commands.join('\n')]);
  }

  /** Asks the server's own API as root, and gives the JSON of its answer. */
  private async ask(method: 'GET' | 'PUT', path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(`http://${this.address}:${this.port}/v1/${path}`, {
      method,
      headers: this.options.hasAcl === true ? { 'x-consul-token': ROOT_TOKEN } : {},
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
    return text === '' ? undefined : (JSON.parse(text) as unknown);
  }
}
