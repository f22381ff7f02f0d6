import { execFile } from 'node:child_process';
import { RunningProgram } from './running-program.ts';

/** The most a tool may print. */
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

/** A network namespace of the bench; it vanishes with its last program, also when the bench is killed. */
export class Namespace implements AsyncDisposable {
  readonly #holder: RunningProgram;
  readonly #signal: AbortSignal;

  private constructor(holder: RunningProgram, signal: AbortSignal) {
    this.#holder = holder;
    this.#signal = signal;
  }

  /**
   * Makes one whose loopback is up.
   *
   * @param signal - Ends what runs in it; waits reject then.
   * @throws {Error} No privilege for it, or no `ip` command.
   */
  static async create(signal: AbortSignal): Promise<Namespace> {
    // It reads our end of a pipe: when we are gone, so is it.
    const argv = ['unshare', '--net', '--', 'sh', '-ec', 'ip link set lo up; echo ready; exec cat'];
    const holder = new RunningProgram(argv);
    try {
      await holder.waitForOutput(/^ready$/m, { signal });
    } catch (error) {
      await holder[Symbol.asyncDispose]();
      throw error;
    }
    return new Namespace(holder, signal);
  }

  /** A process in it, by which others name the namespace. */
  get pid(): number {
    return this.#holder.pid;
  }

  /**
   * Runs a program to its end.
   *
   * @returns Its standard output.
   * @throws {Error} It ended with another code than 0, or after its time, with all it printed.
   */
  async run(argv: readonly string[], options: { readonly timeoutMs: number }): Promise<string> {
    const [command, ...words] = this.#inside(argv);
    return new Promise((resolve, reject) => {
      const settings = { timeout: options.timeoutMs, maxBuffer: OUTPUT_BYTES_MAX, signal: this.#signal };
      execFile(command, words, settings, (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(`${argv.join(' ')} failed: ${error.message}\n${stdout}${stderr}`));
      });
    });
  }

  /** Starts a program that runs until it is disposed. */
  start(argv: readonly string[]): RunningProgram {
    return new RunningProgram(this.#inside(argv));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#holder[Symbol.asyncDispose]();
  }

  /** The program dies with us, whatever happens to us. */
  #inside(argv: readonly string[]): readonly [string, ...string[]] {
    return ['nsenter', `--net=/proc/${this.pid}/ns/net`, 'setpriv', '--pdeathsig', 'TERM', '--', ...argv];
  }
}
