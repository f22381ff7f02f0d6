/** The settings of connection tracking this adapter knows, by the names the kernel gives them. */
export type ConntrackSetting =
  'nf_conntrack_count' | 'nf_conntrack_max' | 'nf_conntrack_tcp_timeout_established';

/** The settings of the kernel's connection tracking. */
export interface ConntrackClient {
  /** @returns The text of a setting; undefined when there is none, or it may not be read. */
  read(setting: ConntrackSetting): Promise<string | undefined>;
  /**
   * @throws {ConntrackError} It could not be written.
   */
  write(setting: ConntrackSetting, text: string): Promise<void>;
}

/** Thrown when a setting could not be written. */
export class ConntrackError extends Error {
  override readonly name = 'ConntrackError';
  /** `missing`: the kernel tracks nothing here; `forbidden`: no privilege, or not from this namespace. */
  readonly code: 'missing' | 'forbidden' | 'refused';

  constructor(code: ConntrackError['code'], options?: { readonly cause?: unknown }) {
    super(code, options);
    this.code = code;
  }
}
