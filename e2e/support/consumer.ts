import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';

import type Docker from 'dockerode';

const IDLE = ['sleep', 'infinity'];

export interface ConsumerOptions {
  readonly name: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  /** A network of the host, or `container:<name>`. Default: the default bridge. */
  readonly network?: string;
  /** Its address there; only on networks with a subnet of their own. */
  readonly ip?: string;
  /** Default: sleep for ever. */
  readonly command?: readonly string[];
  /** Other containers of the default bridge, as `NAME:ALIAS`. Default: none. */
  readonly links?: readonly string[];
  /** Ports of the host that lead into it, by its own, e.g. `{'80/tcp': '8080'}`. Default: none. */
  readonly publish?: Readonly<Record<string, string>>;
  /** Docker's restart policy. Default: never. */
  readonly restart?: 'no' | 'always';
}

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A container of an inner engine. Its calls need that engine to answer. */
export class Consumer implements AsyncDisposable {
  readonly id: string;
  readonly name: string;
  private readonly engine: Docker;
  private readonly container: Docker.Container;

  private constructor(engine: Docker, name: string, container: Docker.Container) {
    this.engine = engine;
    this.id = container.id;
    this.name = name;
    this.container = container;
  }

  /** Creates and starts a container. A container that fails to start is removed. */
  static async run(engine: Docker, image: string, options: ConsumerOptions): Promise<Consumer> {
    const { name, env = {}, labels = {}, network, ip, links = [], command = IDLE, restart = 'no' } = options;
    const published = Object.entries(options.publish ?? {});
    const container = await engine.createContainer({
      name,
      Image: image,
      Cmd: [...command],
      Env: Object.entries(env).map(([key, value]) => `${key}=${value}`),
      Labels: { ...labels },
      ExposedPorts: Object.fromEntries(published.map(([port]) => [port, {}])),
      // With an init of its own, "sleep" obeys SIGTERM and a stop takes no ten seconds.
      HostConfig: {
        Init: true,
        Links: [...links],
        PortBindings: Object.fromEntries(published.map(([port, HostPort]) => [port, [{ HostPort }]])),
        RestartPolicy: { Name: restart },
        ...(network !== undefined && { NetworkMode: network }),
      },
      ...(network !== undefined &&
        ip !== undefined && {
          NetworkingConfig: { EndpointsConfig: { [network]: { IPAMConfig: { IPv4Address: ip } } } },
        }),
    });
    try {
      await container.start();
    } catch (error) {
      await container.remove({ force: true });
      throw error;
    }
    return new Consumer(engine, name, container);
  }

  /** Its IPv4 address on each network it is connected to, by the network's name. */
  async addresses(): Promise<ReadonlyMap<string, string>> {
    const { NetworkSettings } = await this.container.inspect();
    const addresses = new Map<string, string>();
    for (const [network, { IPAddress }] of Object.entries(NetworkSettings.Networks)) {
      if (IPAddress !== '') {
        addresses.set(network, IPAddress);
      }
    }
    return addresses;
  }

  /**
   * Its only IPv4 address.
   *
   * @throws {Error} when it has none or several
   */
  async address(): Promise<string> {
    const [first, ...others] = (await this.addresses()).values();
    if (first === undefined || others.length > 0) {
      throw new Error(`${this.name} has ${first === undefined ? 'no' : 'several'} addresses`);
    }
    return first;
  }

  /**
   * The process id of its first process, in the host's numbering: `/proc/<pid>/ns/net` is its network.
   *
   * @throws {Error} when it does not run
   */
  async pid(): Promise<number> {
    const { State } = await this.container.inspect();
    if (State.Pid === 0) {
      throw new Error(`${this.name} does not run`);
    }
    return State.Pid;
  }

  /** Runs a command in it, to its end; a code other than 0 is a result, not an error. */
  async exec(argv: readonly string[]): Promise<CommandResult> {
    const exec = await this.container.exec({ Cmd: [...argv], AttachStdout: true, AttachStderr: true });
    const stream = await exec.start({});
    const stdout = new PassThrough();
    const stderr = new PassThrough();
    this.engine.modem.demuxStream(stream, stdout, stderr);
    const collected = Promise.all([text(stdout), text(stderr)]);
    await finished(stream, { writable: false });
    stdout.end();
    stderr.end();
    const [out, err] = await collected;
    const { ExitCode } = await exec.inspect();
    return { exitCode: ExitCode ?? -1, stdout: out, stderr: err };
  }

  /**
   * Fetches a URL once, with wget.
   *
   * @param timeoutS - after which wget is ended, with code 143. (wget's own `-T` crashes in Debian's
   *   busybox 1.35.)
   */
  async get(url: string, timeoutS = 5): Promise<CommandResult> {
    return this.exec(['timeout', String(timeoutS), 'wget', '-q', '-O', '-', url]);
  }

  async start(): Promise<void> {
    await this.container.start();
  }

  async stop(): Promise<void> {
    await this.container.stop({ t: 2 });
  }

  async kill(): Promise<void> {
    await this.container.kill();
  }

  async connect(network: string): Promise<void> {
    await this.engine.getNetwork(network).connect({ Container: this.id });
  }

  async disconnect(network: string): Promise<void> {
    await this.engine.getNetwork(network).disconnect({ Container: this.id, Force: true });
  }

  /** Removes it, running or not; removing it twice is a no-op. */
  async remove(): Promise<void> {
    try {
      await this.container.remove({ force: true, v: true });
    } catch (error) {
      const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
      if (status !== 404) {
        throw error;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.remove();
    } catch (error) {
      // A test that failed while its engine was away: the container goes with the host.
      if (!isUnreachable(error)) {
        throw error;
      }
    }
  }
}

function isUnreachable(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ECONNREFUSED' || code === 'ENOENT';
}
