import { createReadStream, existsSync } from 'node:fs';
import path from 'node:path';

import Docker from 'dockerode';

import { CHECKOUT, CHECKOUT_INSIDE, NODE_INSIDE } from './checkout.ts';
import { Consumer } from './consumer.ts';
import { environment } from './environment.ts';
import { followBuild } from './image-stream.ts';
import { SHARED_DIRECTORY, StartedMachine } from './started-machine.ts';
import { until } from './until.ts';

import type { StartedNetwork, StartedTestContainer } from 'testcontainers';
import type { ConsumerOptions } from './consumer.ts';
import type { RunningProcess } from './running-process.ts';

const MAIN = 'dist/main.js';
const ENGINE_TIMEOUT_MS = 60_000;
const ENGINE_PID_FILE = '/var/run/docker.pid';
const ENGINE_SOCKET_NAME = 'docker.sock';

/**
 * Kills all that runs in the host's inner containers and removes their cgroups, which lie in the machine's
 * own tree and would outlive the host. Argument: the cgroup parent.
 */
const CLEAN_CGROUPS = `
for engine in dockerd containerd; do pkill -9 -x "$engine"; done
cgroups() { find /sys/fs/cgroup -depth -type d -path "*$1*"; }
for attempt in 1 2 3 4 5 6 7 8 9 10; do
  cgroups "$1" | while read -r group; do
    while read -r pid; do kill -9 "$pid" 2>/dev/null; done <"$group/cgroup.procs"
    rmdir "$group" 2>/dev/null
  done
  [ -z "$(cgroups "$1")" ] && exit 0
  sleep 0.1
done
`;

export interface DockerHostParts {
  readonly network: StartedNetwork;
  readonly sharedDirectory: string;
  readonly cgroupParent: string;
  readonly engineOptions: readonly string[];
}

/** embassy as a daemon of a Docker host. */
export type RunningEmbassy = RunningProcess;

export interface EmbassyOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** `none`: as nobody, without any capability. Default: root, as a host's daemons are. */
  readonly privilege?: 'root' | 'none';
}

/** A Docker host whose engine answers; see DockerHost. */
export class StartedDockerHost extends StartedMachine {
  /** The API of the inner engine, for what has no method here. */
  readonly engine: Docker;
  /** Its socket file, on our side. */
  readonly engineSocket: string;
  private readonly parts: DockerHostParts;
  private engineProcess: RunningProcess | undefined;

  constructor(container: StartedTestContainer, parts: DockerHostParts) {
    super(container, parts.network, parts.sharedDirectory);
    this.parts = parts;
    this.engineSocket = path.join(parts.sharedDirectory, ENGINE_SOCKET_NAME);
    this.engine = new Docker({ socketPath: this.engineSocket });
  }

  /** Starts the engine and waits until it answers; after `killEngine`, it finds its containers again. */
  async startEngine(): Promise<void> {
    // A pid file that kill -9 left may name, by now, another process, and dockerd would refuse to start.
    await this.output(['rm', '-f', ENGINE_PID_FILE]);
    const shared = path.posix.join(SHARED_DIRECTORY, ENGINE_SOCKET_NAME);
    const { cgroupParent, engineOptions } = this.parts;
    const argv = [
      'dockerd',
      '--host=unix:///var/run/docker.sock',
      `--host=unix://${shared}`,
      `--cgroup-parent=${cgroupParent}`,
      ...engineOptions,
    ];
    const engine = await this.startProcess(argv, { name: 'dockerd' });
    this.engineProcess = engine;
    const exitCode = await until(
      'the inner engine to answer',
      async () => {
        const { exitCode: pinged } = await this.exec(['docker', 'version']);
        return pinged === 0 ? 'running' : engine.exitCode();
      },
      { timeoutMs: ENGINE_TIMEOUT_MS, explain: () => engine.log() },
    );
    if (exitCode !== 'running') {
      throw new Error(`dockerd ended with ${exitCode}\n${await engine.log()}`);
    }
    await this.output(['chmod', '666', shared]);
  }

  /** Kills the engine with SIGKILL, as a crash does. Its containers live on, without it. */
  async killEngine(): Promise<void> {
    const engine = this.requireEngine();
    await engine.signal('SIGKILL');
    await engine.waitExit(ENGINE_TIMEOUT_MS);
  }

  /** Stops the engine in order; without `--live-restore` it ends its containers first. */
  async stopEngine(): Promise<void> {
    const engine = this.requireEngine();
    await engine.signal('SIGTERM');
    await engine.waitExit(ENGINE_TIMEOUT_MS);
  }

  /** Loads an image archive of ours into the inner engine. */
  async loadImage(archivePath: string): Promise<void> {
    await followBuild(this.engine, await this.engine.loadImage(createReadStream(archivePath)));
  }

  /** Runs a container of the client image, as a consumer or a neighbour of one. */
  async runConsumer(options: ConsumerOptions): Promise<Consumer> {
    return Consumer.run(this.engine, environment().images.client, options);
  }

  /** Makes a bridge network with a subnet of its own, so that consumers can be given addresses, and again. */
  async createNetwork(name: string, subnet: string): Promise<void> {
    const IPAM = { Driver: 'default', Config: [{ Subnet: subnet }] };
    await this.engine.createNetwork({ Name: name, Driver: 'bridge', IPAM });
  }

  /** Removes every container and every network that tests made here; the engine must answer. */
  async removeConsumers(): Promise<void> {
    const containers = await this.engine.listContainers({ all: true });
    await Promise.all(
      containers.map(async ({ Id }) => {
        await this.engine.getContainer(Id).remove({ force: true, v: true });
      }),
    );
    await this.engine.pruneNetworks();
  }

  /**
   * Starts embassy, built, as a daemon of this host.
   *
   * @param args - its command line
   * @returns its handle, at once: wait for a line of its log to know it is ready
   * @throws {Error} when there is no build
   */
  async startEmbassy(args: readonly string[], options: EmbassyOptions = {}): Promise<RunningEmbassy> {
    const { privilege = 'root', env = {} } = options;
    return this.startProcess(embassyCommand(args, privilege), { name: 'embassy', env });
  }

  /**
   * Runs embassy, built, to its end.
   *
   * @param args - its command line, such as `['check', …]`
   * @throws {Error} when there is no build
   */
  async runEmbassy(
    args: readonly string[],
    options: Pick<EmbassyOptions, 'privilege'> = {},
  ): Promise<{ readonly exitCode: number; readonly output: string }> {
    return this.exec([...embassyCommand(args, options.privilege ?? 'root')]);
  }

  /** Where a process without privilege reaches the inner engine, for embassy's `-docker`. */
  get openEngineUrl(): string {
    return `unix://${path.posix.join(SHARED_DIRECTORY, ENGINE_SOCKET_NAME)}`;
  }

  /** The IPv4 address of an interface, such as docker0, the default virtual IP. */
  async interfaceAddress(name: string): Promise<string> {
    const text = await this.output(['ip', '-4', '-o', 'address', 'show', 'dev', name]);
    const address = / inet (\d+\.\d+\.\d+\.\d+)\//u.exec(text)?.[1];
    if (address === undefined) {
      throw new Error(`${name} has no IPv4 address: ${text}`);
    }
    return address;
  }

  /** The host's rules, without counters and comments that change from call to call. */
  async iptablesSave(): Promise<string> {
    const text = await this.output(['iptables-save']);
    return text
      .split('\n')
      .filter((line) => !line.startsWith('#'))
      .map((line) => line.replace(/^(:.*) \[\d+:\d+\]$/u, '$1'))
      .join('\n');
  }

  protected override async containerStopping(): Promise<void> {
    await this.unpause().catch(() => undefined);
    await this.exec(['sh', '-c', CLEAN_CGROUPS, 'clean', this.parts.cgroupParent]);
    await super.containerStopping();
  }

  private requireEngine(): RunningProcess {
    if (this.engineProcess === undefined) {
      throw new Error('the inner engine was never started');
    }
    return this.engineProcess;
  }
}

function embassyCommand(args: readonly string[], privilege: 'root' | 'none'): readonly string[] {
  if (!existsSync(path.join(CHECKOUT, MAIN))) {
    throw new Error(`${MAIN} is missing: npm run build makes it`);
  }
  const argv = [NODE_INSIDE, `${CHECKOUT_INSIDE}/${MAIN}`, ...args];
  switch (privilege) {
    case 'root':
      return argv;
    case 'none':
      return ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--', ...argv];
  }
}
