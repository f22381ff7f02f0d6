/** Questions to the kernel about nf_tables. */
export interface RuleClient {
  /**
   * Opens a connection.
   *
   * @returns Undefined where that is not to be had: another platform, or no rights.
   */
  open(): RuleSocket | undefined;
}

/** An open connection; closing it releases its descriptor, repeated: a no-op. */
export interface RuleSocket {
  /** @returns Whether the kernel took the question. */
  send(bytes: Uint8Array): boolean;
  /** Takes the next part of the answer, one or more messages; undefined when there is none now. */
  read(): Uint8Array | undefined;
  close(): void;
}
