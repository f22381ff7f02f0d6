/** The kernel's messages about network interfaces. */
export interface LinkClient {
  /**
   * Subscribes to them.
   *
   * @returns Undefined where that is not to be had: another platform, or no rights.
   */
  open(): LinkSocket | undefined;
}

/** An open subscription; closing it releases its descriptor, repeated: a no-op. */
export interface LinkSocket {
  /**
   * Takes the next messages without waiting.
   *
   * @returns Their bytes, one or more messages; undefined when there are none now; `overrun` when some were
   *   lost because nobody took them in time.
   */
  read(): Uint8Array | 'overrun' | undefined;
  close(): void;
}
