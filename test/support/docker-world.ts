import { createDockerProvider } from '../../src/adapters/docker/docker-provider.ts';
import { MemoryLog } from '../../sim/log.ts';
import { ProviderWatch } from './provider-watch.ts';
import { SeededRandom } from '../../sim/random.ts';
import { settle } from './settle.ts';
import { SimClock } from '../../sim/clock.ts';
import { SimDockerClient } from '../../sim/docker/sim-docker-client.ts';
import { SimEngine } from '../../sim/docker/sim-engine.ts';
import type { DockerProviderOptions } from '../../src/adapters/docker/docker-provider.ts';
import type { ApiShape } from '../../sim/docker/engine-documents.ts';
import type { Provider } from '../../src/ports/provider.ts';

/** What the tests' descriptors may say. */
export const RULES = { discoveries: [{ name: 'etcd', wildcards: true }], udp: false } as const;

/** What a world differs in from a plain one. */
export interface DockerWorldOptions extends Pick<
  DockerProviderOptions,
  'followLinks' | 'hostAddresses' | 'remote'
> {
  readonly shape?: ApiShape;
  readonly seed?: number;
}

/** A simulated engine with the real provider on it. */
export class DockerWorld {
  readonly clock = new SimClock(settle);
  readonly log = new MemoryLog();
  readonly engine: SimEngine;
  readonly client: SimDockerClient;
  readonly provider: Provider;

  constructor(options: DockerWorldOptions = {}) {
    const { shape = '1.41', seed = 1, ...rest } = options;
    const random = new SeededRandom(seed);
    this.engine = new SimEngine({ clock: this.clock, random: random.fork('engine') }, { shape });
    this.client = new SimDockerClient(this.engine);
    const { clock, log, client } = this;
    const dependencies = { clock, log, client, random: random.fork('provider') };
    this.provider = createDockerProvider(dependencies, { prefix: 'BACKEND_', rules: RULES, ...rest });
  }

  /** Begins a watch and lets its first snapshot come. */
  async watch(): Promise<ProviderWatch> {
    const watch = new ProviderWatch(this.provider);
    await this.clock.advance(100);
    return watch;
  }

  /** Runs a container that wants one service at port 80. */
  run(name: string, service = `/svc/${name}`): string {
    return this.engine.run({ name, env: [`BACKEND_X=${service};80`] });
  }

  /** Timers and streams that somebody still holds. */
  get held(): number {
    return this.clock.pendingTimers + this.engine.openStreams;
  }
}
