import { BACKOFF_DEFAULT, backoffMs } from '../../ports/backoff.ts';
import { Wakeup } from '../../ports/wakeup.ts';
import { Etcd2Error } from './etcd2-client.ts';
import { commonPath, touches } from './key-tree.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';
import type { Etcd2Calls } from './etcd2-calls.ts';
import type { ServiceTree } from './key-tree.ts';

/** One of the services that share a watch. */
export interface PollMember {
  /** Tells at which index the service was listed; is woken when the watch began later. */
  listed(index: string): void;
  /** Ends it; repeated, a no-op. With the last one the watch ends. */
  leave(): void;
}

/** What is known of a member. */
interface Joined {
  readonly tree: ServiceTree;
  readonly wake: () => void;
}

/** One watch, from the first service that joins to the last that leaves. */
interface Run {
  readonly controller: AbortController;
  /** Set when it is known where to begin. */
  readonly begun: Wakeup;
  readonly done: Promise<void>;
}

/**
 * Tells which of many services may have changed, with one watch of the directory that holds them all. It is
 * not believed: whoever is woken lists its service again. Who joins before it lists misses nothing.
 */
export class SharedPoll {
  readonly #dependencies: { readonly calls: Etcd2Calls; readonly clock: Clock; readonly random: Random };
  readonly #joined = new Set<Joined>();
  #path: string | undefined;
  /** Where the watch began; undefined until a list told where, and after the history outran it. */
  #begunAt: bigint | undefined;
  #next = 0n;
  #run: Run | undefined;
  /** Ends the one question under way, when it asks for too little. */
  #asking = new AbortController();

  constructor(dependencies: { readonly calls: Etcd2Calls; readonly clock: Clock; readonly random: Random }) {
    this.#dependencies = dependencies;
  }

  /**
   * Has a service looked after.
   *
   * @param wake - Called when it may have changed, or when the watch failed. Must not throw.
   */
  join(tree: ServiceTree, wake: () => void): PollMember {
    const own: Joined = { tree, wake };
    this.#joined.add(own);
    const path = this.#path === undefined ? tree.path : commonPath(this.#path, tree.path);
    if (path !== this.#path) {
      this.#path = path;
      this.#asking.abort(new Error('more is watched now'));
    }
    if (this.#run === undefined) {
      const controller = new AbortController();
      const begun = new Wakeup();
      this.#run = { controller, begun, done: this.#loop(begun, controller.signal) };
    }
    return {
      listed: (index) => {
        const next = BigInt(index) + 1n;
        if (this.#begunAt === undefined) {
          this.#begunAt = next;
          this.#next = next;
          this.#run?.begun.set();
        } else if (next < this.#begunAt) wake();
      },
      leave: () => {
        this.#joined.delete(own);
        if (this.#joined.size === 0) this.#stop();
      },
    };
  }

  /** Stops at once and resolves when nothing is under way. */
  async close(): Promise<void> {
    const run = this.#run;
    this.#joined.clear();
    this.#stop();
    await run?.done;
  }

  #stop(): void {
    this.#run?.controller.abort(new Error('no service is looked after any more'));
    this.#run = undefined;
    this.#path = undefined;
    this.#begunAt = undefined;
  }

  /** Never rejects. */
  async #loop(begun: Wakeup, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#dependencies;
    let failures = 0;
    while (true) {
      const asking = new AbortController();
      const abort = (): void => {
        asking.abort(signal.reason);
      };
      this.#asking = asking;
      try {
        signal.throwIfAborted();
        signal.addEventListener('abort', abort, { once: true });
        await this.#step(begun, asking.signal);
        failures = 0;
        continue;
      } catch (error) {
        if (signal.aborted) return;
        if (asking.signal.aborted) continue;
        failures += 1;
        const code = error instanceof Etcd2Error ? error.code : 'unavailable';
        if (code === 'outrun') this.#begunAt = undefined;
        // Whoever lists its service meets an outage itself. What may not be watched is read ever again.
        if (failures === 1 || code !== 'unavailable') for (const { wake } of this.#joined) wake();
      } finally {
        signal.removeEventListener('abort', abort);
      }
      await clock.sleep(backoffMs(failures, BACKOFF_DEFAULT, random), { signal }).catch(() => undefined);
    }
  }

  /** Waits for one event, and wakes whom it concerns. */
  async #step(begun: Wakeup, signal: AbortSignal): Promise<void> {
    while (this.#begunAt === undefined) await begun.wait({ signal });
    const at = { path: this.#path ?? '/', index: String(this.#next) };
    const event = await this.#dependencies.calls.wait(at, { signal });
    this.#next = BigInt(event.index) + 1n;
    for (const { tree, wake } of this.#joined) if (touches(event, tree)) wake();
  }
}
