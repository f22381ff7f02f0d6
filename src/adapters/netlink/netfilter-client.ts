/** Questions to the kernel's netfilter, which answers at once. */
export interface NetfilterClient {
  /**
   * Opens a connection.
   *
   * @returns Undefined where that is not to be had: another platform, or no rights.
   */
  open(): NetfilterSocket | undefined;
  /** Lets everything else of the process have its turn. */
  pause(): Promise<void>;
}

/** An open connection; closing it releases its descriptor, repeated: a no-op. */
export interface NetfilterSocket {
  /** @returns Whether the kernel took the question. */
  send(bytes: Uint8Array): boolean;
  /**
   * Takes the next part of the answer, one or more messages; undefined when there is none now. The bytes are
   * good until the next call.
   */
  read(): Uint8Array | undefined;
  close(): void;
}
