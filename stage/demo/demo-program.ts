import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ChildProcess } from 'node:child_process';

/** How long the program may take to stop before it is killed; its drain is 1 s. */
const STOP_LIMIT_MS = 5_000;

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** Variables that would change what the demo shows. */
const FOREIGN = /^(?:EMBASSY_|PROXY_|DOCKER_HOST$)/;

/** The real program as a child of the demo. Disposing stops it and waits for its end. */
export interface DemoProgram extends AsyncDisposable {
  /** Resolves with its exit status when it has ended; never rejects. */
  readonly ended: Promise<number>;
}

/**
 * Runs `src/main.ts` with the static provider, file discovery and `--listen`; its log goes where ours does.
 *
 * It has a process group of its own: a Ctrl-C reaches every process of the terminal's group, some of them
 * twice, and a second signal would mean "end at once".
 */
export function startDemoProgram(options: { readonly port: number; readonly file: string }): DemoProgram {
  const child = spawn(
    process.execPath,
    [
      MAIN,
      '-provider=static',
      `-services=web;${options.port}`,
      '-consumer=*',
      `-discovery=file:${options.file}`,
      '--listen=127.0.0.1',
      '-drain=1',
      '-log-format=pretty',
    ],
    { stdio: ['ignore', 'inherit', 'inherit'], detached: true, env: ownEnvironment() },
  );
  const ended = endOf(child);
  return {
    ended,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}

async function endOf(child: ChildProcess): Promise<number> {
  try {
    await once(child, 'exit');
  } catch (error) {
    process.stderr.write(`embassy could not be started: ${String(error)}\n`);
  }
  return child.exitCode ?? 1;
}

function ownEnvironment(): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !FOREIGN.test(name)));
}
