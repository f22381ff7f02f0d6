import { execFileSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import koffi from 'koffi';

/** CLONE_NEWNET; see unshare(2). */
const NETWORK = 0x4000_0000;

/** Two network namespaces of this process, joined by one wire, that vanish with their last socket. */
export interface NetworkNamespaces extends Disposable {
  /** Runs a command in the host's namespace. */
  readonly run: (command: string, ...words: readonly string[]) => string;
  /**
   * Does something synchronous in the consumers' namespace; a socket it makes stays there. All the rest of
   * the process is in the host's until disposed.
   */
  readonly asConsumer: <T>(act: () => T) => T;
}

/** The addresses of both sides. */
export interface NamespacePlan {
  /** The host's interface towards the consumers, and its address with prefix length. */
  readonly bridge: string;
  readonly virtualIp: string;
  readonly network: string;
  /** Every address of these prefixes is the consumers', or of who else is behind that interface. */
  readonly beyond: readonly string[];
}

/**
 * Moves this process's main thread into a fresh network namespace, the host's, with consumers behind its one
 * interface. Sockets belong to the namespace of the thread that makes them, so nobody else notices.
 *
 * @throws {Error} No privilege for it, or no `ip` command; nothing has changed then.
 */
export function openNetworkNamespaces(plan: NamespacePlan): NetworkNamespaces {
  const libc = koffi.load(null);
  const unshare = libc.func('int unshare(int)');
  const setns = libc.func('int setns(int, int)');
  const descriptors: number[] = [];
  const here = (): number => {
    const fd = openSync('/proc/thread-self/ns/net', 'r');
    descriptors.push(fd);
    return fd;
  };
  const enter = (fd: number): void => {
    if (setns(fd, NETWORK) !== 0) throw new Error('cannot enter a network namespace');
  };
  const fresh = (): number => {
    if (unshare(NETWORK) !== 0) throw new Error('no privilege to make a network namespace');
    return here();
  };
  const run = (command: string, ...words: readonly string[]): string =>
    execFileSync(command, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  const home = here();
  const leave = (): void => {
    enter(home);
    for (const fd of descriptors.splice(0)) closeSync(fd);
  };
  try {
    const host = fresh();
    const consumers = fresh();
    const outside = `/proc/${process.pid}/fd/${host}`;
    const { bridge, virtualIp, network } = plan;
    run('ip', 'link', 'set', 'lo', 'up');
    run('ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', bridge, 'netns', outside);
    run('ip', 'link', 'set', 'eth0', 'up');
    enter(host);
    run('ip', 'link', 'set', 'lo', 'up');
    run('ip', 'address', 'add', `${virtualIp}/${network.split('/')[1] ?? '24'}`, 'dev', bridge);
    run('ip', 'link', 'set', bridge, 'up');
    enter(consumers);
    for (const prefix of plan.beyond) run('ip', 'route', 'add', 'local', prefix, 'dev', 'lo');
    run('ip', 'route', 'add', `${virtualIp}/32`, 'dev', 'eth0', 'scope', 'link');
    enter(host);
    return {
      run,
      asConsumer: (act) => {
        enter(consumers);
        try {
          return act();
        } finally {
          enter(host);
        }
      },
      [Symbol.dispose]: leave,
    };
  } catch (error) {
    leave();
    throw error;
  }
}
