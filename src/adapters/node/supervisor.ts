import { closeSync } from 'node:fs';
import { foreignFunctions } from './foreign-functions.ts';
import type { Clock } from '../../ports/clock.ts';

/** Linux: AF_UNIX, a datagram socket that is not inherited; see socket(2). */
const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;

/** Linux: never wait, and no signal where nobody reads; see send(2). */
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;

/** The longest path of a socket, with its terminating zero; see unix(7). */
const PATH_BYTES_MAX = 108;

/** How often the watchdog is told within the time it allows; half of it is what systemd recommends. */
const WATCHDOG_PARTS = 2;

/** What a supervisor put into the environment. */
export interface SupervisorEnvironment {
  readonly NOTIFY_SOCKET?: string | undefined;
  readonly WATCHDOG_USEC?: string | undefined;
  readonly WATCHDOG_PID?: string | undefined;
}

/** Whoever started this process and wants to know how it is. */
export interface Supervisor extends Disposable {
  /** Whether it listens to us at all. */
  readonly isThere: boolean;
  /** Says that we serve; from then on the watchdog is fed for as long as the event loop turns. */
  ready(): void;
  /** Says that another process is the service's main one from now on; nothing more is heard of us. */
  handTo(pid: number): void;
  /** Says that we stop, and may take a while. */
  readonly stopping: () => void;
}

/**
 * Finds the supervisor of this process: systemd, for a unit of `Type=notify`. Without one nothing is said.
 * What cannot be sent is lost: how we are is not worth failing for.
 *
 * @see sd_notify(3), sd_watchdog_enabled(3).
 */
export function findSupervisor(
  { clock }: { readonly clock: Pick<Clock, 'schedule'> },
  environment: SupervisorEnvironment,
): Supervisor {
  const address = socketAddress(environment.NOTIFY_SOCKET ?? '');
  let cancel: (() => void) | undefined;
  const say = (words: string): void => {
    if (address !== undefined) sendDatagram(address, Buffer.from(words));
  };
  return {
    isThere: address !== undefined,
    ready: () => {
      say('READY=1');
      const limitMs = watchdogMs(environment);
      if (address === undefined || limitMs === undefined || cancel !== undefined) return;
      const feed = (): void => {
        cancel = clock.schedule(limitMs / WATCHDOG_PARTS, () => {
          say('WATCHDOG=1');
          feed();
        });
      };
      feed();
    },
    handTo: (pid) => {
      cancel?.();
      say(`MAINPID=${pid}`);
    },
    stopping: () => {
      say('STOPPING=1');
    },
    [Symbol.dispose]: () => {
      cancel?.();
    },
  };
}

/** The time within which the watchdog wants to hear of us; undefined where it does not care for us. */
function watchdogMs({ WATCHDOG_USEC: limit, WATCHDOG_PID: pid }: SupervisorEnvironment): number | undefined {
  if (pid !== undefined && pid !== '' && pid !== String(process.pid)) return undefined;
  const limitMs = Number(limit ?? 0) / 1_000;
  return Number.isFinite(limitMs) && limitMs >= 1 ? limitMs : undefined;
}

/** A sockaddr_un; one that begins with `@` has a name of the kernel's own instead of a path. */
function socketAddress(name: string): Buffer | undefined {
  const bytes = Buffer.from(name);
  if (!/^[@/]./s.test(name) || bytes.length >= PATH_BYTES_MAX) return undefined;
  if (bytes[0] === 0x40) bytes[0] = 0;
  const family = Buffer.alloc(2);
  family.writeUInt16LE(AF_UNIX);
  return Buffer.concat([family, bytes]);
}

function sendDatagram(address: Buffer, bytes: Buffer): void {
  try {
    const library = foreignFunctions().load(null);
    const open = library.func('int socket(int domain, int type, int protocol)');
    const send = library.func(
      'long sendto(int fd, const void *buffer, size_t count, int flags, const void *address, uint32_t size)',
    );
    const fd = Number(open(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (fd < 0) return;
    try {
      send(fd, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL, address, address.length);
    } finally {
      closeSync(fd);
    }
  } catch {
    // Without the library for foreign functions the unit must be of another type; we serve all the same.
  }
}
