/** How far a consumer's connection has come. */
export type AttemptState =
  /** Nothing was heard of the endpoint yet. */
  | 'dialling'
  /** An endpoint said who it is. */
  | 'served'
  /** Reset or refused before any byte. */
  | 'refused'
  /** Served, and the endpoint's side ended as it should. */
  | 'finished'
  /** Reset after it was served, or ended without a word before. */
  | 'lost';

/** What carries an attempt's bytes. Errors are told to the attempt, never thrown. */
export interface Wire {
  send(text: string): void;
  /** Sends no more (FIN). */
  end(): void;
  reset(): void;
}

/**
 * One connection of a consumer through a proxier, followed from dial to end. Endpoints say who they are in
 * their first line and return what they get.
 */
export class Attempt {
  readonly #nowMs: () => number;
  readonly #startedAtMs: number;
  #state: AttemptState = 'dialling';
  #stateSinceMs: number;
  #text = '';
  #wire: Wire | undefined;
  #changed = Promise.withResolvers<undefined>();

  /** @param nowMs - The proxier's clock. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#startedAtMs = nowMs();
    this.#stateSinceMs = this.#startedAtMs;
  }

  get state(): AttemptState {
    return this.#state;
  }

  /** How long it took to reach its state, in milliseconds of the proxier's clock. */
  get afterMs(): number {
    return this.#stateSinceMs - this.#startedAtMs;
  }

  /** Which endpoint said that it serves; empty before. */
  get by(): string {
    return this.#state === 'dialling' || this.#state === 'refused' ? '' : (this.#text.split('\n')[0] ?? '');
  }

  /** Resolves once the way to the proxier is open, or the attempt is over. */
  async opened(): Promise<void> {
    while (this.#wire === undefined && this.#state === 'dialling') await this.#changed.promise;
  }

  /** Resolves with the state once it is another than `dialling`. */
  async answer(): Promise<AttemptState> {
    while (this.#state === 'dialling') await this.#changed.promise;
    return this.#state;
  }

  /** Sends a text and resolves when the endpoint has returned it, or the connection is no more. */
  async echo(text: string): Promise<AttemptState> {
    const expected = this.#text.length + text.length;
    this.#wire?.send(text);
    while (this.#state === 'served' && this.#text.length < expected) await this.#changed.promise;
    return this.#state === 'served' && !this.#text.endsWith(text) ? 'lost' : this.#state;
  }

  /** Sends no more, and resolves when the endpoint does the same, or the connection is lost. */
  async finish(): Promise<AttemptState> {
    this.#wire?.end();
    return this.end();
  }

  /** Resolves when the connection is no more. */
  async end(): Promise<AttemptState> {
    while (this.#state === 'dialling' || this.#state === 'served') await this.#changed.promise;
    return this.#state;
  }

  /** Gives it up. */
  reset(): void {
    this.#wire?.reset();
  }

  /** Told by the world: the connection is open. */
  onOpen(wire: Wire): void {
    this.#wire = wire;
    this.#become(this.#state);
  }

  /** Told by the world: bytes arrived. */
  onBytes(bytes: Uint8Array): void {
    this.#text += Buffer.from(bytes).toString();
    this.#become(this.#text.includes('\n') ? 'served' : this.#state);
  }

  /** Told by the world: the other side sends no more. */
  onEnd(): void {
    this.#become(this.#state === 'served' ? 'finished' : 'lost');
    this.#wire?.end();
  }

  /** Told by the world: refused or reset. */
  onLost(): void {
    this.#become(this.#text === '' ? 'refused' : 'lost');
  }

  #become(state: AttemptState): void {
    const isOver = this.#state === 'refused' || this.#state === 'finished' || this.#state === 'lost';
    if (!isOver && state !== this.#state) {
      this.#state = state;
      this.#stateSinceMs = this.#nowMs();
    }
    this.#changed.resolve(undefined);
    this.#changed = Promise.withResolvers<undefined>();
  }
}
