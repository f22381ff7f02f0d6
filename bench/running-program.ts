import { spawn } from 'node:child_process';
import { until } from '../e2e/support/until.ts';
import type { ChildProcess } from 'node:child_process';

const START_TIMEOUT_MS = 10_000;
const END_TIMEOUT_MS = 5_000;

/** How much of what a program printed is kept, in characters. */
const OUTPUT_LENGTH_MAX = 20_000;

/** A program that runs until it is disposed: SIGTERM, and SIGKILL where that does not help. */
export class RunningProgram implements AsyncDisposable {
  readonly #argv: readonly string[];
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #output = '';

  constructor(argv: readonly string[]) {
    const [command = '', ...words] = argv;
    this.#argv = argv;
    this.#child = spawn(command, words, { stdio: ['pipe', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-OUTPUT_LENGTH_MAX);
      });
    }
    this.#child.stdin?.on('error', () => undefined);
    this.#ended = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        this.#output += error.message;
        resolve();
      });
      this.#child.once('exit', () => {
        resolve();
      });
    });
  }

  /** Its process; −1 when it could not be started. */
  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /**
   * Waits until what it printed matches.
   *
   * @returns The match.
   * @throws {Error} It ended before, or did not in time, with what it printed.
   */
  async waitForOutput(
    pattern: RegExp,
    options: { readonly signal: AbortSignal; readonly timeoutMs?: number },
  ): Promise<RegExpExecArray> {
    const { signal, timeoutMs = START_TIMEOUT_MS } = options;
    const name = this.#argv.join(' ');
    const explain = async (): Promise<string> => this.#output;
    const find = (): RegExpExecArray | 'ended' | undefined =>
      pattern.exec(this.#output) ?? (this.hasEnded ? 'ended' : undefined);
    const found = await until(`"${name}" to print ${String(pattern)}`, find, { timeoutMs, signal, explain });
    if (found === 'ended') throw new Error(`"${name}" ended: ${this.#output}`);
    return found;
  }

  get hasEnded(): boolean {
    return this.pid === -1 || this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.hasEnded) return;
    this.#child.kill('SIGTERM');
    const kill = setTimeout(() => this.#child.kill('SIGKILL'), END_TIMEOUT_MS);
    await this.#ended;
    clearTimeout(kill);
  }
}
