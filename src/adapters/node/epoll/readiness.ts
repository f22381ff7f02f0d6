import type { Kernel, LoopWatch } from './kernel.ts';
import type { Pipes } from './pipes.ts';

/** What the kernel says of a descriptor; see epoll_ctl(2). */
export const READABLE = 0x1;
export const WRITABLE = 0x4;
export const FAILED = 0x8;
export const HUNG_UP = 0x10;
export const PEER_ENDED = 0x2000;

const EDGE_TRIGGERED = 0x80000000;

/** Events taken from the kernel at once. */
const BATCH = 512;

/** Batches in a row, before everything else in this process has its turn. */
const BATCHES_MAX = 4;

/** What everything with a descriptor of its own works with. */
export interface EpollDependencies {
  readonly kernel: Kernel;
  readonly readiness: Readiness;
  readonly pipes: Pipes;
}

/** Who is told what has become possible with a descriptor. */
export interface Watcher {
  /** @param events - Flags, e.g. `READABLE | PEER_ENDED`. Must not throw. */
  ready(events: number): void;
}

/**
 * Tells owners of descriptors what has become possible with them: one epoll for all, which Node's own loop
 * looks at, so that a thousand sockets cost that loop as much as one.
 *
 * A watcher that has more to do than is fair asks for another turn by `later`.
 */
export class Readiness {
  readonly #kernel: Kernel;
  readonly #eventBytes: number;
  readonly #dataOffset: number;
  readonly #events: Uint8Array;
  readonly #view: DataView;
  readonly #one: Uint8Array;
  readonly #oneView: DataView;
  /** By descriptor. */
  readonly #watchers: (Watcher | undefined)[] = [];
  /** By descriptor: tells an event of one that had this number before and is closed. */
  readonly #lives: number[] = [];
  #life = 0;
  #count = 0;
  #epoll = -1;
  #loop: LoopWatch | undefined;
  #isDue = false;
  #later: (() => void)[] = [];

  /** @param architecture - As Node names it: `struct epoll_event` is packed on x64 alone. */
  constructor(kernel: Kernel, architecture: string = process.arch) {
    this.#kernel = kernel;
    this.#dataOffset = architecture === 'x64' ? 4 : 8;
    this.#eventBytes = this.#dataOffset + 8;
    this.#events = Buffer.allocUnsafeSlow(BATCH * this.#eventBytes);
    this.#view = new DataView(this.#events.buffer, this.#events.byteOffset);
    this.#one = Buffer.allocUnsafeSlow(this.#eventBytes);
    this.#oneView = new DataView(this.#one.buffer, this.#one.byteOffset);
  }

  /**
   * Watches a socket for all that may become possible; each is told once, when it does (edge-triggered). One
   * that is watched already has another watcher from now on.
   *
   * @returns 0, or the negative error number.
   */
  watch(fd: number, watcher: Watcher): number {
    if (this.#watchers[fd] === undefined) {
      return this.#add(fd, watcher, READABLE | WRITABLE | PEER_ENDED | EDGE_TRIGGERED);
    }
    this.#watchers[fd] = watcher;
    return 0;
  }

  /** Watches a listening socket: its watcher is told for as long as somebody waits to be accepted. */
  watchListener(fd: number, watcher: Watcher): number {
    return this.#add(fd, watcher, READABLE);
  }

  /** Forgets a descriptor, which its owner closes right after. */
  forget(fd: number): void {
    if (this.#watchers[fd] === undefined) return;
    this.#watchers[fd] = undefined;
    this.#count -= 1;
    if (this.#count === 0) this.#loop?.keepAlive(false);
  }

  /** Calls back after everything that is ready now. */
  later(task: () => void): void {
    this.#later.push(task);
    this.#beDue();
  }

  #add(fd: number, watcher: Watcher, events: number): number {
    const unopened = this.#epoll < 0 ? this.#open() : 0;
    if (unopened < 0) return unopened;
    this.#life = (this.#life + 1) | 0;
    this.#oneView.setUint32(0, events, true);
    this.#oneView.setInt32(this.#dataOffset, fd, true);
    this.#oneView.setInt32(this.#dataOffset + 4, this.#life, true);
    const error = this.#kernel.epollAdd(this.#epoll, fd, this.#one);
    if (error < 0) return error;
    this.#watchers[fd] = watcher;
    this.#lives[fd] = this.#life;
    this.#count += 1;
    if (this.#count === 1) this.#loop?.keepAlive(true);
    return 0;
  }

  #open(): number {
    const epoll = this.#kernel.epollCreate();
    if (epoll < 0) return epoll;
    this.#epoll = epoll;
    // Called by libuv beside Node's own bookkeeping: the work itself is for a turn of Node's.
    this.#loop = this.#kernel.whenReadable(epoll, () => {
      this.#beDue();
    });
    this.#loop.keepAlive(false);
    return 0;
  }

  #beDue(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(this.#turn);
  }

  readonly #turn = (): void => {
    this.#isDue = false;
    for (let batch = 0; batch < BATCHES_MAX; batch += 1) {
      const count = this.#kernel.epollTake(this.#epoll, this.#events, BATCH);
      for (let index = 0; index < count; index += 1) this.#tell(index * this.#eventBytes);
      if (count < BATCH) break;
    }
    const tasks = this.#later;
    if (tasks.length === 0) return;
    this.#later = [];
    for (const task of tasks) task();
  };

  #tell(offset: number): void {
    const fd = this.#view.getInt32(offset + this.#dataOffset, true);
    if (this.#lives[fd] !== this.#view.getInt32(offset + this.#dataOffset + 4, true)) return;
    this.#watchers[fd]?.ready(this.#view.getUint32(offset, true));
  }
}
