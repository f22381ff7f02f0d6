import { spawn } from 'node:child_process';
import { formatSocketAddress } from '../../domain/address.ts';
import { SuccessorError } from '../../ports/upgrade.ts';
import type { ChildProcess } from 'node:child_process';
import type { SocketAddress } from '../../domain/address.ts';
import type { Predecessor, Successor } from '../../ports/upgrade.ts';

/** What a successor inherits: its predecessor's shape, `;`, listeners in the order of their descriptors. */
const INHERITED = 'EMBASSY_INHERITED';

/** The command that started us, where that is more than Node and a file: see stage/package. */
const PROGRAM = 'EMBASSY_PROGRAM';

/** The descriptors of a successor: 0 to 2 are ours, 3 is the channel between us, then come listeners. */
const FIRST_INHERITED = 4;

/** A listening socket that can be inherited. */
export interface OpenSocket {
  readonly at: SocketAddress;
  readonly fd: number;
}

/** The predecessor of this process, and what it left us. */
export interface Inheritance {
  readonly predecessor: Predecessor;
  /** What must not change from one to the other, in words. */
  readonly shape: string;
  /** The descriptors of listeners by `formatSocketAddress`. */
  readonly sockets: ReadonlyMap<string, number>;
}

/**
 * Starts the same command line anew, from what is on the disk now, with our listening sockets inherited: both
 * processes accept from one queue, so nothing is lost between them.
 *
 * @see systemd's sd_listen_fds(3) for the idea; nginx's "Upgrading Executable on the Fly".
 */
export function startSuccessor(sockets: readonly OpenSocket[], shape: string): Successor {
  const { env, execArgv, execPath, argv } = process;
  const [, file = '', ...options] = argv;
  const program = env[PROGRAM] ?? '';
  const [command, head] = program === '' ? [execPath, [...execArgv, file]] : [program, []];
  const addresses = sockets.map(({ at }) => formatSocketAddress(at)).join(',');
  const child = spawn(command, [...head, ...options], {
    // The watchdog of the supervisor is for the pid it names; the successor's is another.
    env: { ...env, WATCHDOG_PID: '', [INHERITED]: `${shape};${addresses}` },
    stdio: ['inherit', 'inherit', 'inherit', 'ipc', ...sockets.map(({ fd }) => fd)],
  });
  const ready = readyOf(child);
  // Whoever asks is told; a successor that ends later is nobody's to wait for.
  ready.catch(() => undefined);
  return {
    pid: child.pid ?? 0,
    ready,
    letGo: () => {
      if (child.connected) child.disconnect();
      child.unref();
    },
    kill: () => {
      child.kill('SIGKILL');
    },
  };
}

/**
 * Finds the daemon that started this process to take over from it. What it put into the environment is taken
 * out, so that it is nobody else's.
 */
export function findPredecessor(environment: NodeJS.ProcessEnv): Inheritance | undefined {
  const inherited = environment[INHERITED];
  Reflect.deleteProperty(environment, INHERITED);
  if (inherited === undefined || process.send === undefined) return undefined;
  const [shape = '', list = ''] = inherited.split(';');
  const addresses = list === '' ? [] : list.split(',');
  const gone = new Promise<void>((resolve) => {
    if (!process.connected) resolve();
    process.once('disconnect', resolve);
  });
  // A process with nothing left to do ends, whether somebody listens to it or not.
  process.channel?.unref();
  return {
    shape,
    predecessor: {
      gone,
      ready: (lacks) => {
        if (process.connected) process.send?.({ ready: lacks });
      },
    },
    sockets: new Map(addresses.map((at, index) => [at, FIRST_INHERITED + index])),
  };
}

/** Calls back when the operator wants the program upgraded. */
export function onUpgradeSignal(callback: () => void): void {
  process.on('SIGUSR2', callback);
}

async function readyOf(child: ChildProcess): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => {
      reject(new SuccessorError(`the new one could not be started: ${cause.message}`, { cause }));
    });
    child.once('exit', (code, signal) => {
      const how = signal === null ? `with status ${code ?? 'unknown'}` : `by ${signal}`;
      reject(new SuccessorError(`the new one ended ${how} before it could serve; its lines above say why`));
    });
    child.on('message', (message: unknown) => {
      const lacks: unknown =
        typeof message === 'object' && message !== null && 'ready' in message ? message.ready : undefined;
      if (Array.isArray(lacks)) resolve(lacks.map(String));
    });
  });
}
