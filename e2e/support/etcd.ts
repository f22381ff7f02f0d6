import { environment } from './environment.ts';
import { Machine } from './machine.ts';
import { StartedMachine } from './started-machine.ts';
import { until } from './until.ts';

import type { StartedNetwork } from 'testcontainers';
import type { RunningProcess } from './running-process.ts';

const CLIENT_PORT = 2379;
const DATA_DIRECTORY = '/var/lib/etcd-e2e';
const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 20_000;
/** The user that etcd wants before it checks any right; its password is its name. */
const ROOT = 'root';
const LOCAL_URL = `http://127.0.0.1:${CLIENT_PORT}`;

/** An etcd server (v3) on a machine of its own. Its address and its data stay while it is stopped. */
export class EtcdServer extends Machine {
  constructor(network: StartedNetwork) {
    super(environment().images.etcd, network);
  }

  /** Gives the server once it answers. */
  override async start(): Promise<StartedEtcdServer> {
    const server = new StartedEtcdServer(await super.start(), this.network, this.sharedDirectory);
    try {
      await server.startServer();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }
}

/** An etcd server that answers. `pause` and `partition` (StartedMachine) make it hang and vanish. */
export class StartedEtcdServer extends StartedMachine {
  readonly port = CLIENT_PORT;
  private server: RunningProcess | undefined;
  private isForbidding = false;

  /** For embassy's `-discovery`. */
  get url(): string {
    return `etcd://${this.address}:${this.port}`;
  }

  /** Starts the server and waits until it answers; after `stopServer`, with all it held. */
  async startServer(): Promise<void> {
    const server = await this.startProcess(
      [
        'etcd',
        `--data-dir=${DATA_DIRECTORY}`,
        `--listen-client-urls=http://0.0.0.0:${this.port}`,
        `--advertise-client-urls=http://${this.address}:${this.port}`,
      ],
      { name: 'etcd' },
    );
    this.server = server;
    await until(
      'etcd to answer',
      async () => {
        const { exitCode } = await this.exec(['etcdctl', `--endpoints=${LOCAL_URL}`, 'endpoint', 'health']);
        return exitCode === 0 || undefined;
      },
      { timeoutMs: START_TIMEOUT_MS, explain: () => server.log() },
    );
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

  /** The store's current revision. */
  async revision(): Promise<number> {
    const text = await this.etcdctl(['endpoint', 'status', '--write-out=json']);
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

  private async etcdctl(argv: readonly string[]): Promise<string> {
    return this.output(['etcdctl', `--endpoints=${LOCAL_URL}`, ...argv]);
  }
}
