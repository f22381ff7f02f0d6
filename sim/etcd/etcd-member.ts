import { Wakeup } from '../../src/ports/wakeup.ts';
import { failure } from './etcd-store.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { EtcdHealth, EtcdStore } from './etcd-store.ts';

/** The way to a member and back, in milliseconds. */
export const LATENCY_MS = 1;

/** What waits for a change of health. */
interface Waiter {
  mark(): void;
  cut(error: Error): void;
}

/** One simulated member: how it answers, and who is connected to it. */
export class EtcdMember {
  readonly #clock: Clock;
  readonly #store: EtcdStore;
  readonly #waiters = new Set<Waiter>();
  #health: EtcdHealth = 'up';

  constructor(dependencies: { readonly clock: Clock; readonly store: EtcdStore }) {
    this.#clock = dependencies.clock;
    this.#store = dependencies.store;
  }

  /** How it answers: its own state or, where that is good, the whole store's. */
  get health(): EtcdHealth {
    return this.#health === 'up' ? this.#store.health : this.#health;
  }

  /** Changes how this member answers. `down` breaks its streams at once. */
  setHealth(health: EtcdHealth): void {
    this.#health = health;
    for (const waiter of [...this.#waiters]) {
      if (health === 'down') waiter.cut(failure('GRPCUnavailableError', 'Connection dropped'));
      else waiter.mark();
    }
  }

  /** Tells of every change of the member and the store; the answer ends that. */
  follow(waiter: Waiter): () => void {
    this.#waiters.add(waiter);
    const close = this.#store.follow(waiter);
    return () => {
      this.#waiters.delete(waiter);
      close();
    };
  }

  /** Goes to the member; resolves when it answers. */
  async reach(signal: AbortSignal): Promise<void> {
    await this.#clock.sleep(LATENCY_MS, { signal });
    const wakeup = new Wakeup();
    const wake = (): void => {
      wakeup.set();
    };
    const close = this.follow({ mark: wake, cut: wake });
    try {
      while (true) {
        switch (this.health) {
          case 'up':
            return;
          case 'down':
            throw failure('GRPCUnavailableError', '14 UNAVAILABLE: No connection established');
          case 'forbidden':
            throw failure('EtcdPermissionDeniedError', 'etcdserver: permission denied');
          case 'silent':
          case 'no-quorum':
            await wakeup.wait({ signal });
        }
      }
    } finally {
      close();
    }
  }
}
