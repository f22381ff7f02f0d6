import { EtcdError } from './etcd-client.ts';
import { askEtcd } from './ask-etcd.ts';
import type { Clock } from '../../ports/clock.ts';
import type { EtcdClient } from './etcd-client.ts';

/**
 * How often a store with open watches is asked for a sign of life, in milliseconds. With the limit of a call
 * a vanished server is noticed within 10 s.
 */
const HEARTBEAT_MS = 5_000;

/**
 * Notices that the store went silent while watches are open: one small read through the quorum, whatever
 * their number. A watch alone cannot tell a quiet store from one that vanished without a word [P38].
 */
export class Heartbeat {
  readonly #client: EtcdClient;
  readonly #clock: Clock;
  readonly #watchers = new Set<(error: EtcdError) => void>();
  #run: { readonly controller: AbortController; readonly done: Promise<void> } | undefined;

  constructor(dependencies: { readonly client: EtcdClient; readonly clock: Clock }) {
    this.#client = dependencies.client;
    this.#clock = dependencies.clock;
  }

  /**
   * Has a watch looked after.
   *
   * @param onLost - Called at most once, when the store did not answer; the watch is then no longer looked
   *   after. Must not throw.
   * @returns Ends that. Repeated: a no-op. With the last one the heartbeat stops.
   */
  join(onLost: (error: EtcdError) => void): () => void {
    const watcher = (error: EtcdError): void => {
      onLost(error);
    };
    this.#watchers.add(watcher);
    this.#start();
    return () => {
      this.#watchers.delete(watcher);
      if (this.#watchers.size === 0) this.#stop();
    };
  }

  /** Stops at once and resolves when nothing is under way. */
  async close(): Promise<void> {
    this.#watchers.clear();
    const run = this.#run;
    this.#stop();
    await run?.done;
  }

  #start(): void {
    if (this.#run !== undefined) return;
    const controller = new AbortController();
    this.#run = { controller, done: this.#beat(controller.signal) };
  }

  #stop(): void {
    this.#run?.controller.abort(new Error('no watch is open any more'));
    this.#run = undefined;
  }

  async #beat(signal: AbortSignal): Promise<void> {
    try {
      while (true) {
        await this.#clock.sleep(HEARTBEAT_MS, { signal });
        try {
          await askEtcd(this.#clock, { what: 'a heartbeat', signal }, (limited) => {
            return this.#client.ping({ signal: limited });
          });
        } catch (error) {
          signal.throwIfAborted();
          this.#lose(error);
        }
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  #lose(cause: unknown): void {
    const error = cause instanceof EtcdError ? cause : new EtcdError('failed', String(cause), { cause });
    // Whoever refuses us is alive.
    if (error.code === 'forbidden') return;
    const watchers = [...this.#watchers];
    this.#watchers.clear();
    this.#stop();
    for (const onLost of watchers) onLost(error);
  }
}
