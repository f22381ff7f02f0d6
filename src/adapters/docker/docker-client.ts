/** Which containers and networks there are, as the engine's own documents. What a Docker engine is asked. */
export interface DockerClient {
  /**
   * Subscribes to the events of containers and networks. Asks the engine's API version first, so that an
   * engine exchanged for another release between two subscriptions is spoken to in words it knows [P08].
   *
   * @param signal - Gives up and rejects; once resolved it has no further effect: `close` ends the stream.
   * @returns The stream, once the engine has begun to answer.
   * @throws {DockerAnswerError} The engine answered with an error.
   * @throws {Error} It could not be reached; the message says how.
   */
  subscribe(options: { readonly signal: AbortSignal }): Promise<DockerEventStream>;
  /** @returns The document of `GET /containers/json`: running containers only. Throws as `subscribe`. */
  listContainers(options: { readonly signal: AbortSignal }): Promise<unknown>;
  /**
   * @param id - A container's id.
   * @returns The document of `GET /containers/{id}/json`; undefined if and only if there is no such
   *   container. Throws as `subscribe`.
   */
  inspectContainer(id: string, options: { readonly signal: AbortSignal }): Promise<unknown>;
  /** @returns The document of `GET /networks`. Throws as `subscribe`. */
  listNetworks(options: { readonly signal: AbortSignal }): Promise<unknown>;
  /**
   * @param id - A network's id.
   * @returns The document of `GET /networks/{id}`, with the containers on it; undefined if and only if there
   *   is no such network. Throws as `subscribe`.
   */
  inspectNetwork(id: string, options: { readonly signal: AbortSignal }): Promise<unknown>;
  /** @returns The document of `GET /info`. Throws as `subscribe`. */
  info(options: { readonly signal: AbortSignal }): Promise<unknown>;
}

/**
 * Events as they arrive, one parsed JSON value each; undefined stands for one that could not be read. Ends
 * when the engine ends it or when it is closed, and throws when it breaks. Read once; disposing closes it.
 */
export interface DockerEventStream extends AsyncIterable<unknown>, AsyncDisposable {}

/**
 * Thrown when the engine answers a call with an HTTP error. The engine is there; retrying may help with 5xx.
 */
export class DockerAnswerError extends Error {
  override readonly name = 'DockerAnswerError';
  readonly status: number;

  constructor(status: number, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.status = status;
  }
}
