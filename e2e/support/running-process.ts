import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { until } from './until.ts';

import type { StartedMachine } from './started-machine.ts';

/** A daemon that drains gets its default 8 s and room to spare before it is killed. */
const DISPOSE_TERM_TIMEOUT_MS = 20_000;
const DISPOSE_KILL_TIMEOUT_MS = 5000;
const TAIL_LINES = 30;

type Executor = Pick<StartedMachine, 'exec'>;

export interface ProcessFiles {
  readonly name: string;
  /** The folder, on our side, with its `log`, `pid` and `exit`. */
  readonly files: string;
  readonly timeoutMs: number;
}

/** A program that runs in a machine. Disposing it ends it: SIGTERM, and SIGKILL when that does not help. */
export class RunningProcess implements AsyncDisposable {
  /** In the machine's own numbering. */
  readonly pid: number;
  private readonly machine: Executor;
  private readonly name: string;
  private readonly files: string;

  private constructor(machine: Executor, from: ProcessFiles, pid: number) {
    this.machine = machine;
    this.name = from.name;
    this.files = from.files;
    this.pid = pid;
  }

  /** Gives the handle once the program has a pid. */
  static async whenStarted(machine: Executor, from: ProcessFiles): Promise<RunningProcess> {
    const { name, files, timeoutMs } = from;
    const read = (): Promise<number | undefined> => readNumber(path.join(files, 'pid'));
    const pid = await until(`${name} to have a pid`, read, { timeoutMs });
    return new RunningProcess(machine, from, pid);
  }

  /** All it has printed so far, standard output and error in their order. */
  async log(): Promise<string> {
    return readFile(path.join(this.files, 'log'), 'utf8').catch(() => '');
  }

  /**
   * Waits until a line of its log matches.
   *
   * @param pattern - without the g flag; tried on each line
   * @param after - lines to pass over: those that were there before what the test did
   * @returns the first line that matches
   * @throws {Error} when none does in time or the program ended without it, with the log's end
   */
  async waitForLog(pattern: RegExp, timeoutMs: number, after = 0): Promise<string> {
    const find = async (): Promise<string | undefined> =>
      (await this.log())
        .split('\n')
        .slice(after)
        .find((line) => pattern.test(line));
    const found = await until(
      `${this.name} to log ${String(pattern)}`,
      async () => {
        // In this order: what it wrote before it ended is complete once it has ended.
        const exitCode = await this.exitCode();
        return (await find()) ?? (exitCode === undefined ? undefined : { exitCode });
      },
      { timeoutMs, explain: () => this.tail() },
    );
    if (typeof found === 'string') {
      return found;
    }
    const what = `${this.name} ended with ${found.exitCode} before it logged ${String(pattern)}`;
    throw new Error(`${what}\n${await this.tail()}`);
  }

  /** How many lines it has printed: pass it to `waitForLog` to look only at what comes next. */
  async lineCount(): Promise<number> {
    return (await this.log()).split('\n').length - 1;
  }

  /**
   * Sends a signal, such as SIGTERM.
   *
   * @throws {Error} when the process is gone
   */
  async signal(name: NodeJS.Signals): Promise<void> {
    // The shell's own kill: a lean image has no other.
    const argv = ['sh', '-c', 'kill -s "$1" "$2"', 'kill', name.replace(/^SIG/u, ''), String(this.pid)];
    const result = await this.machine.exec(argv);
    if (result.exitCode !== 0) {
      throw new Error(`${name} to ${this.name} failed: ${result.output.trim()}`);
    }
  }

  /** Its exit code, 128 + n when signal n ended it; undefined while it runs. */
  async exitCode(): Promise<number | undefined> {
    return readNumber(path.join(this.files, 'exit'));
  }

  /**
   * Waits for its end.
   *
   * @returns its exit code, 128 + n when signal n ended it
   * @throws {Error} when it still runs after timeoutMs, with its log's end
   */
  async waitExit(timeoutMs: number): Promise<number> {
    return until(`${this.name} to end`, () => this.exitCode(), { timeoutMs, explain: () => this.tail() });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Without its folder the machine is gone, and the program with it.
    const hasMachine = (await readNumber(path.join(this.files, 'pid'))) !== undefined;
    if (!hasMachine || (await this.exitCode()) !== undefined) {
      return;
    }
    try {
      await this.signal('SIGTERM');
      await this.waitExit(DISPOSE_TERM_TIMEOUT_MS);
    } catch {
      await this.signal('SIGKILL');
      await this.waitExit(DISPOSE_KILL_TIMEOUT_MS);
    }
  }

  private async tail(): Promise<string> {
    const lines = (await this.log()).trimEnd().split('\n').slice(-TAIL_LINES);
    return [`${this.name}'s log ends:`, ...lines].join('\n');
  }
}

async function readNumber(file: string): Promise<number | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : Number(text);
}
