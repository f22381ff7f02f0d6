import { execFile } from 'node:child_process';

const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
const COMMAND_TIMEOUT_MS = 60_000;
const ERROR_TAIL_CHARS = 2000;

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** The command is killed after this long. Default one minute. */
  readonly timeoutMs?: number;
}

/**
 * Runs a command of this machine and gives its standard output.
 *
 * @param argv - program and arguments; no shell reads them
 * @throws {Error} when it cannot be started, ends with another code than 0, or outlives its time; the
 *   message holds the end of what it printed
 */
export async function runCommand(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  const [program = '', ...rest] = argv;
  const { cwd, env = {}, timeoutMs = COMMAND_TIMEOUT_MS } = options;
  return new Promise((resolve, reject) => {
    const settings = {
      cwd,
      env: { ...process.env, ...env },
      timeout: timeoutMs,
      maxBuffer: OUTPUT_BYTES_MAX,
    };
    execFile(program, rest, settings, (error, stdout, stderr) => {
      if (error === null) {
        resolve(stdout);
        return;
      }
      const tail = `${stdout}${stderr}`.slice(-ERROR_TAIL_CHARS).trim();
      reject(new Error(`${argv.join(' ')} failed (${error.code ?? error.signal ?? error.message})\n${tail}`));
    });
  });
}

/**
 * Tells whether this machine has a program in its PATH.
 *
 * @param program - a bare name
 */
export async function hasProgram(program: string): Promise<boolean> {
  try {
    await runCommand(['/bin/sh', '-c', 'command -v "$1"', 'sh', program]);
    return true;
  } catch {
    return false;
  }
}
