/** How full the kernel's table of connections is. */
export interface FlowTableFill {
  /** Connections tracked now, whoever made them. */
  readonly count: number;
  /** The most it tracks; a packet that would begin another is dropped. */
  readonly max: number;
}

/** The limits that can be chosen; undefined leaves one as it is. */
export interface FlowTableLimits {
  readonly max: number | undefined;
  /** How long an established TCP connection is tracked without a packet, in milliseconds; whole seconds. */
  readonly establishedTimeoutMs: number | undefined;
}

/** The kernel's table of tracked connections, on which every translated connection depends. */
export interface FlowTable {
  /**
   * Reads how full it is.
   *
   * @returns Undefined where the kernel tracks no connection here.
   */
  read(): Promise<FlowTableFill | undefined>;
  /**
   * Sets the limits that are given, each whatever becomes of the other.
   *
   * @throws {FlowTableError} One of them could not be set, or both; the message says which.
   */
  limit(limits: FlowTableLimits): Promise<void>;
}

/** Thrown when a limit of the flow table cannot be set; the message says which, and why. */
export class FlowTableError extends Error {
  override readonly name = 'FlowTableError';
}
