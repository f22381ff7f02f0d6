import { StateStore } from '../src/adapters/state/state-store.ts';
import { EndpointMemory } from '../src/app/endpoint-memory.ts';
import { createEmbassy } from './embassy.ts';
import { Observer } from './observer.ts';
import type { IptablesClient } from '../src/adapters/iptables/iptables-client.ts';
import type { StateClient } from '../src/adapters/state/state-client.ts';
import type { Daemon } from '../src/app/daemon.ts';
import type { UserspaceProxier } from '../src/app/userspace-proxier.ts';
import type { RoutingDefaults } from '../src/app/routing.ts';
import type { SocketAddress } from '../src/domain/address.ts';
import type { Log } from '../src/ports/log.ts';
import type { Metrics } from '../src/ports/metrics.ts';
import type { SimClock } from './clock.ts';
import type { Breakage, Limits } from './embassy.ts';
import type { SimHost } from './host.ts';
import type { Watcher } from './observer.ts';
import type { SeededRandom } from './random.ts';
import type { Sources } from './sources.ts';

/** What a process finds where it is started: all of it outlives the process. */
export interface ProcessDependencies {
  readonly clock: SimClock;
  readonly log: Log;
  readonly random: SeededRandom;
  readonly metrics: Metrics;
  readonly gateway: SimHost;
  readonly sources: Sources;
  readonly iptables: IptablesClient;
  /** The state directory; undefined where the operator gave none. */
  readonly state: StateClient | undefined;
  readonly watchers: ReadonlySet<Watcher>;
}

/** What its operator chose. */
export interface ProcessOptions {
  readonly listener: SocketAddress;
  readonly breakage: Breakage;
  readonly limits: Limits;
  readonly defaults: RoutingDefaults;
}

/**
 * One embassy from start to end, which may be sudden. A killed one loses its hands first, the log, the
 * kernel, its files, its sockets, and is then told to stop, so that nothing of it is left in the simulation.
 */
export class EmbassyProcess {
  readonly daemon: Daemon;
  readonly proxier: UserspaceProxier;
  readonly #dependencies: ProcessDependencies;
  readonly #observer: Observer;
  readonly #memory: EndpointMemory | undefined;
  readonly #stop = new AbortController();
  readonly #abort = new AbortController();
  readonly #ended = new AbortController();
  #isKilled = false;
  #done: Promise<void> = Promise.resolve();
  #remembering: Promise<void> = Promise.resolve();

  constructor(dependencies: ProcessDependencies, options: ProcessOptions) {
    this.#dependencies = dependencies;
    const { clock, random, metrics, gateway, sources, state, watchers } = dependencies;
    const log = this.#mortalLog(dependencies.log);
    this.#observer = new Observer({ clock }, watchers);
    const store = state && new StateStore({ client: this.#mortalState(state) });
    this.#memory = store && new EndpointMemory({ clock, random: random.fork('memory'), log, store });
    const { daemon, proxier } = createEmbassy(
      {
        ...{ clock, log, random, metrics, gateway },
        observer: this.#observer,
        connections: sources.connect({ random, log }),
        iptables: this.#mortalIptables(dependencies.iptables),
        memory: this.#memory,
      },
      options,
    );
    this.daemon = daemon;
    this.proxier = proxier;
  }

  /** Whether it was killed: what can still be read of it is of the past. */
  get isKilled(): boolean {
    return this.#isKilled;
  }

  /** Starts it: first what an earlier one remembered, then the listener, then all the rest. */
  async start(): Promise<void> {
    const { signal } = this.#ended;
    await this.#memory?.load({ signal });
    this.#remembering = this.#memory?.run({ signal }) ?? Promise.resolve();
    await this.proxier.open();
    this.#done = this.daemon.run({ stop: this.#stop.signal, abort: this.#abort.signal });
    this.#done.catch(() => undefined);
  }

  /** Tells it to stop; resolves when it has, and rejects when it ended in an unforeseen way. */
  async stop(): Promise<void> {
    this.#stop.abort();
    try {
      await this.#done;
    } finally {
      this.#ended.abort();
      await this.#remembering;
    }
  }

  /** Kills it (kill -9): it says and writes nothing more, and the kernel resets its connections. */
  kill(): void {
    this.#isKilled = true;
    this.#observer.mute();
    this.#dependencies.gateway.killSockets();
    this.#abort.abort();
    void this.stop().catch(() => undefined);
  }

  #mortalLog(log: Log): Log {
    const alive = (say: Log['info']): Log['info'] => {
      return (message, fields) => {
        if (!this.#isKilled) say(message, fields);
      };
    };
    return {
      debug: alive(log.debug.bind(log)),
      info: alive(log.info.bind(log)),
      warn: alive(log.warn.bind(log)),
      error: alive(log.error.bind(log)),
    };
  }

  #mortalIptables(client: IptablesClient): IptablesClient {
    return {
      save: async (place, options) => {
        this.#checkAlive();
        return client.save(place, options);
      },
      restore: async (place, text, options) => {
        this.#checkAlive();
        await client.restore(place, text, options);
      },
      version: async (program, options) => {
        this.#checkAlive();
        return client.version(program, options);
      },
    };
  }

  #mortalState(client: StateClient): StateClient {
    return {
      path: client.path,
      read: async (options) => client.read(options),
      write: async (text) => {
        this.#checkAlive();
        await client.write(text);
      },
      setAside: async () => client.setAside(),
      digest: (text) => client.digest(text),
    };
  }

  #checkAlive(): void {
    if (this.#isKilled) throw new Error('the process was killed');
  }
}
