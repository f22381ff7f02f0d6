import { spawn } from 'node:child_process';
import { mkdir, open, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { runCommand } from './command.ts';
import { answers } from './engine.ts';
import { until } from './until.ts';

import type { ChildProcess } from 'node:child_process';
import type { Progress } from './progress.ts';

/** Sockets, pid files and the run's lock. Volatile. */
const STATE_DIRECTORY = '/run/embassy-e2e';
const EXEC_DIRECTORY = path.join(STATE_DIRECTORY, 'exec');
/** The engine's images: a cache that makes the second run quick. Safe to delete while no run is on. */
const DATA_DIRECTORY = '/var/cache/embassy-e2e/docker';
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 30_000;
/** Another run on this machine is waited for; longer than that and something is wrong with it. */
const LOCK_TIMEOUT_MS = 600_000;

/** An engine that this run started, apart from any engine and firewall of the machine. */
export interface OwnEngine extends AsyncDisposable {
  readonly socketPath: string;
  readonly pid: number;
}

/**
 * Starts a dockerd with its own socket, data and state. It touches no firewall rule, no forwarding switch
 * and makes no default bridge: the suites need only networks of their own.
 *
 * @param logPath - where its output goes
 * @returns the engine once it answers; disposing it ends it and waits for its end
 * @throws {Error} when it does not come up, with the end of its log
 */
export async function startOwnEngine(logPath: string, progress: Progress): Promise<OwnEngine> {
  await mkdir(STATE_DIRECTORY, { recursive: true, mode: 0o700 });
  const lockPath = await takeLock(progress);
  const pidPath = path.join(STATE_DIRECTORY, 'dockerd.pid');
  await endLeftover(pidPath, progress);
  const socketPath = path.join(STATE_DIRECTORY, 'docker.sock');
  progress(`starting dockerd, its log is ${logPath}`);
  const log = await open(logPath, 'w');
  const options = [
    `--host=unix://${socketPath}`,
    `--data-root=${DATA_DIRECTORY}`,
    `--pidfile=${pidPath}`,
    `--exec-root=${EXEC_DIRECTORY}`,
    '--bridge=none',
    '--iptables=false',
    '--ip6tables=false',
    '--ip-forward=false',
    '--ip-masq=false',
  ];
  const child = spawn('dockerd', options, { detached: true, stdio: ['ignore', log.fd, log.fd] });
  const ended = new Promise<void>((resolve) => {
    child.once('error', () => {
      resolve();
    });
    child.once('exit', () => {
      resolve();
    });
  });
  child.unref();
  await log.close();
  const dispose = async (): Promise<void> => {
    await endChild(child, ended);
    await unmountNetworkNamespaces();
    await rm(lockPath, { force: true });
  };
  try {
    await until('dockerd to answer', async () => (await answers(socketPath)) || undefined, {
      timeoutMs: START_TIMEOUT_MS,
      signal: abortWhen(ended, 'dockerd ended'),
    });
  } catch (error) {
    await dispose();
    const tail = (await readFile(logPath, 'utf8')).slice(-2000);
    throw new Error(`dockerd did not come up\n${tail}`, { cause: error });
  }
  return { socketPath, pid: child.pid ?? 0, [Symbol.asyncDispose]: dispose };
}

/** One run at a time owns the engine: two would remove each other's containers with it. */
async function takeLock(progress: Progress): Promise<string> {
  const lockPath = path.join(STATE_DIRECTORY, 'run.lock');
  let told = false;
  const acquire = async (): Promise<true | undefined> => {
    try {
      await writeFile(lockPath, String(process.pid), { flag: 'wx' });
      return true;
    } catch {
      const holder = Number(await readFile(lockPath, 'utf8'));
      if (!isAlive(holder)) {
        await rm(lockPath, { force: true });
      } else if (!told) {
        told = true;
        progress(`waiting for another run, process ${holder}, to end`);
      }
      return undefined;
    }
  };
  await until('the other e2e run to end', acquire, { timeoutMs: LOCK_TIMEOUT_MS, everyMs: 200 });
  return lockPath;
}

/** Ends the dockerd of a run that crashed; its pid file names it, its command line proves it is ours. */
async function endLeftover(pidPath: string, progress: Progress): Promise<void> {
  const pid = Number(await readFile(pidPath, 'utf8').catch(() => '0'));
  const isOurs = async (): Promise<boolean> => {
    const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    return commandLine.includes(DATA_DIRECTORY);
  };
  if (pid === 0 || !(await isOurs())) {
    return;
  }
  progress(`ending dockerd ${pid}, left by a run that crashed`);
  process.kill(pid, 'SIGTERM');
  await until('the left dockerd to end', async () => ((await isOurs()) ? undefined : true), {
    timeoutMs: STOP_TIMEOUT_MS,
  });
}

async function endChild(child: ChildProcess, ended: Promise<void>): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  child.ref();
  child.kill('SIGTERM');
  const overdue = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await ended;
  clearTimeout(overdue);
}

/** dockerd leaves the mounts of network namespaces behind, one of them for `docker build --network=host`. */
async function unmountNetworkNamespaces(): Promise<void> {
  const directory = path.join(EXEC_DIRECTORY, 'netns');
  for (const name of await readdir(directory).catch(() => [])) {
    await runCommand(['umount', path.join(directory, name)]).catch(() => undefined);
  }
}

function abortWhen(event: Promise<void>, reason: string): AbortSignal {
  const controller = new AbortController();
  void event.then(() => {
    controller.abort(new Error(reason));
  });
  return controller.signal;
}

/** Tells whether a process of this machine exists, whoever owns it. */
export function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) {
    return false;
  }
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
