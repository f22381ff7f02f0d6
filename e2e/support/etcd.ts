import { environment } from './environment.ts';
import { Machine } from './machine.ts';
import { StartedMachine } from './started-machine.ts';
import { until } from './until.ts';

import type { StartedNetwork } from 'testcontainers';
import type { RunningProcess } from './running-process.ts';

const CLIENT_PORT = 2379;
const PEER_PORT = 2380;
const DATA_DIRECTORY = '/var/lib/etcd-e2e';
const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 20_000;
/** The user that etcd wants before it checks any right; its password is its name. */
const ROOT = 'root';
/** A line of /proc/net/tcp: local and remote address and port in hexadecimal, then the state. */
const TCP_LINE = /^\s*\d+: [0-9A-F]{8}:([0-9A-F]{4}) ([0-9A-F]{8}):[0-9A-F]{4} ([0-9A-F]{2}) /u;
const ESTABLISHED = '01';

/** How a server is started and spoken to. */
export interface EtcdSettings {
  readonly scheme: 'http' | 'https';
  /** Beside its name, its data and where it listens for clients. */
  readonly serverArguments: readonly string[];
  /** What etcdctl needs to be let in. */
  readonly ctlArguments: readonly string[];
}

/** Without TLS and users. */
export const PLAIN_ETCD: EtcdSettings = { scheme: 'http', serverArguments: [], ctlArguments: [] };

/** An etcd server (v3) on a machine of its own. Its address and its data stay while it is stopped. */
export class EtcdServer extends Machine {
  constructor(network: StartedNetwork) {
    super(environment().images.etcd, network);
    // For partitions between members.
    this.withAddedCapabilities('NET_ADMIN');
  }

  /** Gives the server once it answers. */
  override async start(): Promise<StartedEtcdServer> {
    const server = await this.startMachine();
    try {
      await server.startServer();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  /** Gives the machine with its address, before any server runs on it. */
  async startMachine(): Promise<StartedEtcdServer> {
    return new StartedEtcdServer(await super.start(), this.network, this.sharedDirectory);
  }
}

/** An etcd server that answers. `pause` and `partition` (StartedMachine) make it hang and vanish. */
export class StartedEtcdServer extends StartedMachine {
  readonly port = CLIENT_PORT;
  private server: RunningProcess | undefined;
  private settings = PLAIN_ETCD;
  private isForbidding = false;

  /** For embassy's `-discovery`. */
  get url(): string {
    return `etcd://${this.address}:${this.port}`;
  }

  /** Where it speaks to other members, for `--initial-cluster`. */
  get peerUrl(): string {
    return `http://${this.address}:${PEER_PORT}`;
  }

  /** Starts the server and waits until it answers; after `stopServer`, with all it held. */
  async startServer(settings = this.settings): Promise<void> {
    this.settings = settings;
    const { scheme, serverArguments } = settings;
    const server = await this.startProcess(
      [
        'etcd',
        `--data-dir=${DATA_DIRECTORY}`,
        `--listen-client-urls=${scheme}://0.0.0.0:${this.port}`,
        `--advertise-client-urls=${scheme}://${this.address}:${this.port}`,
        ...serverArguments,
      ],
      { name: 'etcd' },
    );
    this.server = server;
    await until(
      'etcd to answer',
      async () => {
        const { exitCode } = await this.exec(this.ctlCommand(['endpoint', 'health']));
        return exitCode === 0 || undefined;
      },
      { timeoutMs: START_TIMEOUT_MS, explain: () => server.log() },
    );
  }

  /** Changes what etcdctl is given, such as a user once there are users. */
  speakWith(ctlArguments: readonly string[]): void {
    this.settings = { ...this.settings, ctlArguments };
  }

  /** Kills the server with SIGKILL, as a crash does: its connections end with a FIN or RST of the kernel. */
  async killServer(): Promise<void> {
    await this.server?.signal('SIGKILL');
    await this.server?.waitExit(STOP_TIMEOUT_MS);
  }

  /** How many connections a host holds to it now. */
  async connectionsFrom(address: string): Promise<number> {
    const wanted = address
      .split('.')
      .reverse()
      .map((part) => Number(part).toString(16).padStart(2, '0'))
      .join('')
      .toUpperCase();
    const lines = (await this.output(['cat', '/proc/net/tcp', '/proc/net/tcp6'])).split('\n');
    return lines.filter((line) => {
      const [, port = '', remote = '', state = ''] = TCP_LINE.exec(compact(line)) ?? [];
      return parseInt(port, 16) === this.port && remote === wanted && state === ESTABLISHED;
    }).length;
  }

  /** Stops the server in order: connections end with a FIN, and its port refuses. */
  async stopServer(): Promise<void> {
    await this.server?.signal('SIGTERM');
    await this.server?.waitExit(STOP_TIMEOUT_MS);
  }

  /**
   * Puts a key.
   *
   * @param lease - from `grantLease`; the key goes when that expires
   */
  async put(key: string, value: string, lease?: string): Promise<void> {
    await this.etcdctl(['put', ...(lease === undefined ? [] : [`--lease=${lease}`]), '--', key, value]);
  }

  /** Gives a key's value, undefined where there is none. */
  async get(key: string): Promise<string | undefined> {
    const text = await this.etcdctl(['get', '--print-value-only', '--', key]);
    return text === '' ? undefined : text.replace(/\n$/u, '');
  }

  /** Deletes a key; a key that is not there is not an error. */
  async delete(key: string): Promise<void> {
    await this.etcdctl(['del', '--', key]);
  }

  /** Deletes every key that starts so, in one transaction. */
  async deletePrefix(prefix: string): Promise<void> {
    await this.etcdctl(['del', '--prefix', '--', prefix]);
  }

  /**
   * Grants a lease.
   *
   * @param ttlS - seconds; etcd itself grants no less than two
   * @returns its id, for `put`
   */
  async grantLease(ttlS: number): Promise<string> {
    const text = await this.etcdctl(['lease', 'grant', String(ttlS)]);
    const id = /^lease ([0-9a-f]+) granted/u.exec(text)?.[1];
    if (id === undefined) {
      throw new Error(`etcdctl granted no lease: ${text}`);
    }
    return id;
  }

  /** Ends a lease, and its keys with it, at once. */
  async revokeLease(lease: string): Promise<void> {
    await this.etcdctl(['lease', 'revoke', lease]);
  }

  /** Whether it leads the cluster. */
  async isLeader(): Promise<boolean> {
    const text = await this.status();
    // The numbers are beyond JavaScript's.
    return /"member_id":(\d+)/u.exec(text)?.[1] === /"leader":(\d+)/u.exec(text)?.[1];
  }

  /** The store's current revision. */
  async revision(): Promise<number> {
    const text = await this.status();
    const revision = /"revision":(\d+)/u.exec(text)?.[1];
    if (revision === undefined) {
      throw new Error(`etcdctl tells no revision: ${text}`);
    }
    return Number(revision);
  }

  /**
   * Forgets the history below a revision: a watch that starts there is cancelled. Default: the current one.
   */
  async compact(revision?: number): Promise<void> {
    await this.etcdctl(['compact', String(revision ?? (await this.revision()))]);
  }

  /** Refuses everybody without a name and a password, as a cluster with authentication does. */
  async forbid(): Promise<void> {
    await this.etcdctl(['user', 'add', `${ROOT}:${ROOT}`]);
    await this.etcdctl(['user', 'grant-role', ROOT, ROOT]);
    await this.etcdctl(['auth', 'enable']);
    this.isForbidding = true;
  }

  /** Undoes `forbid`; a no-op without it. */
  async permit(): Promise<void> {
    if (!this.isForbidding) return;
    await this.etcdctl([`--user=${ROOT}:${ROOT}`, 'auth', 'disable']);
    await this.etcdctl(['user', 'delete', ROOT]);
    this.isForbidding = false;
  }

  private async status(): Promise<string> {
    return this.etcdctl(['endpoint', 'status', '--write-out=json']);
  }

  /**
   * Runs etcdctl at this server.
   *
   * @throws {Error} when it fails, with what it printed
   */
  async etcdctl(argv: readonly string[]): Promise<string> {
    return this.output(this.ctlCommand(argv));
  }

  private ctlCommand(argv: readonly string[]): string[] {
    const { scheme, ctlArguments } = this.settings;
    return ['etcdctl', `--endpoints=${scheme}://127.0.0.1:${this.port}`, ...ctlArguments, ...argv];
  }
}

/** A line of tcp6 with its mapped IPv4 addresses cut to those of tcp. */
function compact(line: string): string {
  return line.replaceAll(/[0-9A-F]{16}(?:FFFF0000|00000000)([0-9A-F]{8}):/gu, '$1:');
}
