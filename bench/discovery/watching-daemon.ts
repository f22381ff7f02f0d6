import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { until } from '../../e2e/support/until.ts';
import type { ChildProcess } from 'node:child_process';

const DAEMON = fileURLToPath(new URL('../../stage/embassy.cjs', import.meta.url));

/** A thousand services of a Consul that has just started are known within that. */
const READY_TIMEOUT_MS = 120_000;

/** What /proc counts processor time in. */
const TICKS_PER_S = 100;

/** An embassy process that watches services for whoever arrives, with its API on a socket of its own. */
export class WatchingDaemon implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #socket: string;
  #log = '';

  private constructor(child: ChildProcess, socket: string) {
    this.#child = child;
    this.#socket = socket;
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#log = (this.#log + chunk.toString()).slice(-20_000);
    });
  }

  /**
   * Starts it and waits until every service is known.
   *
   * @param services - Each is bound to a port of 127.0.0.1, counting up from `firstPort`.
   */
  static async start(options: {
    readonly discovery: string;
    readonly services: readonly string[];
    readonly firstPort: number;
    readonly socket: string;
  }): Promise<WatchingDaemon> {
    const { discovery, services, firstPort, socket } = options;
    const list = services.map((service, index) => `${service};${firstPort + index}`).join(',');
    const argv = [
      DAEMON,
      `-discovery=${discovery}`,
      '-provider=static',
      `-services=${list}`,
      '-consumer=*',
      '--listen=127.0.0.1',
      `--max-bindings=${services.length}`,
      '--admin-listen=off',
      `--admin-socket=${socket}`,
    ];
    const daemon = new WatchingDaemon(
      spawn(process.execPath, argv, { stdio: ['ignore', 'ignore', 'pipe'] }),
      socket,
    );
    await until(
      'every service to be known',
      async () => ((await daemon.status('/readyz')) === 200 ? true : undefined),
      {
        timeoutMs: READY_TIMEOUT_MS,
        explain: async () => Promise.resolve(daemon.#log),
      },
    );
    return daemon;
  }

  /** Resident memory, MB. */
  async rssMb(): Promise<number> {
    const status = await readFile(`/proc/${this.#child.pid ?? 0}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1_000;
  }

  /** Processor time so far, seconds. */
  async cpuS(): Promise<number> {
    const stat = await readFile(`/proc/${this.#child.pid ?? 0}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
  }

  /** Asks its API for a document, and takes it whole. */
  async status(path: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const asking = request({ socketPath: this.#socket, path, headers: { host: 'localhost' } }, (answer) => {
        answer.once('error', reject).once('end', () => {
          resolve(answer.statusCode ?? 0);
        });
        answer.resume();
      });
      asking.once('error', reject);
      asking.end();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const exited = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGTERM');
    await exited;
  }
}
