import type { DockerEventStream } from '../../src/adapters/docker/docker-client.ts';

/** What a stream that nobody reads may hold; Docker's own subscribers lose events far earlier. */
const QUEUE_MAX = 10_000;

/** One subscriber's stream of events, from the engine's side. */
export class EventChannel implements DockerEventStream {
  readonly #queue: unknown[] = [];
  readonly #onClose: () => void;
  #wake: (() => void) | undefined;
  #ended: 'no' | 'closed' | 'broken' = 'no';
  #isSilent = false;

  constructor(onClose: () => void) {
    this.#onClose = onClose;
  }

  /** Sends an event, unless the stream is silent or ended; beyond the bound it is lost. */
  send(event: unknown): void {
    if (this.#isSilent || this.#ended !== 'no' || this.#queue.length >= QUEUE_MAX) return;
    this.#queue.push(event);
    this.#wake?.();
  }

  /** Lets the network in between forget the connection: nothing arrives any more, and no end either. */
  hold(): void {
    this.#isSilent = true;
  }

  /** Ends the stream as an engine that stops does, or breaks it as one that was killed. */
  end(how: 'closed' | 'broken'): void {
    if (this.#ended === 'no') this.#ended = how;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<unknown, void> {
    for (;;) {
      if (this.#queue.length > 0) yield this.#queue.shift();
      else if (this.#ended === 'broken') throw new Error('aborted');
      else if (this.#ended === 'closed') return;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.end('closed');
    this.#onClose();
  }
}
