import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { CHECKOUT } from './checkout.ts';
import { environment } from './environment.ts';
import { until } from './until.ts';
import type { ChildProcess } from 'node:child_process';

const MAIN = path.join(CHECKOUT, 'dist/main.js');
const READY_TIMEOUT_MS = 10_000;
const STOP_TIMEOUT_MS = 20_000;

/** What a running process holds. */
export interface Held {
  /** Open descriptors. */
  readonly files: number;
  /** Resident memory, KiB. */
  readonly rssKib: number;
}

export interface LocalEmbassyOptions {
  /** Endpoints of the service `web`, as `address:port`. */
  readonly endpoints?: readonly string[];
  /** A file of endpoints that is there already, instead. */
  readonly file?: string;
  /** Bound port 80 listens at 127.0.0.1:(80 + offset), port 81 one above. */
  readonly offset: number;
  /** Limit of open files of the process. */
  readonly files?: number;
  readonly extra?: readonly string[];
  /** Where it is asked; nowhere unless told. */
  readonly admin?: readonly string[];
  /** Variables beside those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** What is bound for whoever arrives; `web;80,gone;81` unless told. */
  readonly services?: string;
}

let made = 0;

/** embassy as a plain process of this machine: no Docker, no rules, loopback alone. */
export class LocalEmbassy implements AsyncDisposable {
  readonly #child: ChildProcess;
  #log = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#log += chunk.toString();
      });
    }
  }

  /**
   * Starts it with two bindings for whoever arrives, `web;80` and `gone;81`, which has no endpoint, and waits
   * until it listens.
   */
  static async start(options: LocalEmbassyOptions): Promise<LocalEmbassy> {
    const { endpoints = [], offset, files, extra = [] } = options;
    made += 1;
    const file = options.file ?? path.join(environment().runDirectory, `endpoints-${made}.yaml`);
    if (options.file === undefined) await writeFile(file, `web: [${endpoints.join(', ')}]\ngone: []\n`);
    const services = ['-provider=static', `-services=${options.services ?? 'web;80,gone;81'}`, '-consumer=*'];
    const admin = options.admin ?? ['--admin-socket=off', '--admin-listen=off'];
    const own = [
      `-discovery=file:${file}`,
      `--listen=127.0.0.1+${offset}`,
      '--log-format=json',
      ...admin,
      ...extra,
    ];
    const limit = files === undefined ? 'exec "$@"' : `ulimit -n ${files} && exec "$@"`;
    const argv = ['-c', limit, 'sh', process.execPath, MAIN, ...services, ...own];
    const embassy = new LocalEmbassy(
      spawn('sh', argv, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...options.env } }),
    );
    await embassy.waitForLog(/listening on .* for port /u, READY_TIMEOUT_MS);
    if (options.services === undefined) {
      await embassy.waitForLog(/listening on .* for port 81/u, READY_TIMEOUT_MS);
      await embassy.waitForLog(/service web has/u, READY_TIMEOUT_MS);
    }
    return embassy;
  }

  get log(): string {
    return this.#log;
  }

  async waitForLog(pattern: RegExp, timeoutMs: number): Promise<string> {
    const find = (): string | undefined => this.#log.split('\n').find((line) => pattern.test(line));
    return until(`embassy to say ${String(pattern)}`, find, {
      timeoutMs,
      explain: async () => this.#log,
    });
  }

  /** What it holds now. */
  async held(): Promise<Held> {
    const directory = `/proc/${this.#child.pid ?? 0}`;
    const files = (await readdir(`${directory}/fd`)).length;
    const status = await readFile(`${directory}/status`, 'utf8');
    return { files, rssKib: Number(/^VmRSS:\s+(\d+) kB$/mu.exec(status)?.[1] ?? Number.NaN) };
  }

  /** Waits until it holds no more descriptors than that. */
  async settle(files: number, timeoutMs: number): Promise<Held> {
    const look = async (): Promise<Held | undefined> => {
      const held = await this.held();
      return held.files <= files ? held : undefined;
    };
    return until(`embassy to hold at most ${files} descriptors`, look, {
      timeoutMs,
      explain: async () => `it holds ${(await this.held()).files}`,
    });
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Waits for its end and gives its exit status. */
  async ended(): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      await once(this.#child, 'exit', { signal: AbortSignal.timeout(STOP_TIMEOUT_MS) });
    }
    return this.#child.exitCode;
  }

  /** The daemons that took over by upgrades, oldest first; the last one serves. */
  get successors(): readonly number[] {
    return [...this.#log.matchAll(/upgrade: process (\d+) takes over/gu)].map(([, pid]) => Number(pid));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pid of this.successors) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended by itself.
      }
    }
    this.#child.kill('SIGKILL');
    await this.ended();
  }
}
