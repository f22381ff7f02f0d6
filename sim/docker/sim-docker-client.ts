import { DockerAnswerError } from '../../src/adapters/docker/docker-client.ts';
import { containerDocument, containerRow, networkDocument, networkRow } from './engine-documents.ts';
import type { SimEngine } from './sim-engine.ts';
import type { DockerClient, DockerEventStream } from '../../src/adapters/docker/docker-client.ts';

interface Options {
  readonly signal: AbortSignal;
}

/** A client of a simulated engine. It counts its calls, for tests of their bounds. */
export class SimDockerClient implements DockerClient {
  readonly #engine: SimEngine;
  #inspecting = 0;
  /** The most inspects that ever ran at one time. */
  inspectsAtOnceMax = 0;
  inspects = 0;
  subscriptions = 0;

  constructor(engine: SimEngine) {
    this.#engine = engine;
  }

  async subscribe({ signal }: Options): Promise<DockerEventStream> {
    await this.#answer(() => undefined, { delayMs: 0, signal });
    signal.throwIfAborted();
    this.subscriptions += 1;
    return this.#engine.open();
  }

  async listContainers({ signal }: Options): Promise<unknown> {
    const { containers, faults } = this.#engine;
    const answer = (): unknown => [...containers.values()].filter((one) => one.isRunning).map(containerRow);
    return this.#answer(answer, { delayMs: faults.listDelayMs, signal });
  }

  async inspectContainer(id: string, { signal }: Options): Promise<unknown> {
    const { containers, faults, shape } = this.#engine;
    this.inspects += 1;
    this.#inspecting += 1;
    this.inspectsAtOnceMax = Math.max(this.inspectsAtOnceMax, this.#inspecting);
    try {
      const answer = (): unknown => {
        const container = containers.get(id);
        return container === undefined ? undefined : containerDocument(container, shape);
      };
      return await this.#answer(answer, { delayMs: faults.inspectDelayMs, signal });
    } finally {
      this.#inspecting -= 1;
    }
  }

  async listNetworks({ signal }: Options): Promise<unknown> {
    const { networks, faults } = this.#engine;
    const answer = (): unknown => [...networks.values()].map(networkRow);
    return this.#answer(answer, { delayMs: faults.listDelayMs, signal });
  }

  async inspectNetwork(id: string, { signal }: Options): Promise<unknown> {
    const { containers, networks, faults } = this.#engine;
    const answer = (): unknown => {
      const network = [...networks.values()].find((one) => one.id === id);
      return network === undefined ? undefined : networkDocument(network, containers.values());
    };
    return this.#answer(answer, { delayMs: faults.inspectDelayMs, signal });
  }

  async info({ signal }: Options): Promise<unknown> {
    const { securityOptions } = this.#engine;
    return this.#answer(() => ({ ID: 'x', SecurityOptions: securityOptions }), { delayMs: 0, signal });
  }

  /** Answers as the engine's state has it: what is asked now is shown now and arrives after the delay. */
  async #answer(
    read: () => unknown,
    { delayMs, signal }: Options & { readonly delayMs: number },
  ): Promise<unknown> {
    signal.throwIfAborted();
    switch (this.#engine.faults.answers) {
      case 'refused':
        throw new Error('/var/run/docker.sock: nobody listens there');
      case 'error':
        throw new DockerAnswerError(500, '(HTTP code 500) server error - layer does not exist');
      case 'garbage':
        return 'this is no JSON';
      case 'nothing':
        return never(signal);
      case 'well': {
        const answer = read();
        if (delayMs > 0) await this.#engine.clock.sleep(delayMs, { signal });
        return answer;
      }
    }
  }
}

/** Waits for the abort. */
async function never(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const abort = (): void => {
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', abort, { once: true });
  });
}
