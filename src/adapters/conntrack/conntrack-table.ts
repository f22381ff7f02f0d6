import { FlowTableError } from '../../ports/flow-table.ts';
import { ConntrackError } from './conntrack-client.ts';
import type { FlowTable, FlowTableFill, FlowTableLimits } from '../../ports/flow-table.ts';
import type { ConntrackClient, ConntrackSetting } from './conntrack-client.ts';

const REASONS: Readonly<Record<ConntrackError['code'], string>> = {
  missing: 'the kernel tracks no connections here, or its module nf_conntrack is not loaded yet',
  forbidden: 'only root may, in the network namespace of the host (run with --privileged and --net=host)',
  refused: 'the kernel refuses the value',
};

/** Reads and limits the kernel's connection tracking. */
export class ConntrackTable implements FlowTable {
  readonly #client: ConntrackClient;

  constructor(dependencies: { readonly client: ConntrackClient }) {
    this.#client = dependencies.client;
  }

  async read(): Promise<FlowTableFill | undefined> {
    const count = await this.#number('nf_conntrack_count');
    const max = await this.#number('nf_conntrack_max');
    return count === undefined || max === undefined || max === 0 ? undefined : { count, max };
  }

  async limit({ max, establishedTimeoutMs }: FlowTableLimits): Promise<void> {
    const timeout = establishedTimeoutMs === undefined ? undefined : Math.ceil(establishedTimeoutMs / 1000);
    const failures = [
      await this.#set('nf_conntrack_max', max),
      await this.#set('nf_conntrack_tcp_timeout_established', timeout),
    ].filter((failure) => failure !== undefined);
    if (failures.length === 0) return;
    throw new FlowTableError(failures.map(({ message }) => message).join('; '), { cause: failures[0] });
  }

  async #number(setting: ConntrackSetting): Promise<number | undefined> {
    const text = (await this.#client.read(setting))?.trim() ?? '';
    return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  }

  /** @returns What went wrong, if anything did. */
  async #set(setting: ConntrackSetting, value: number | undefined): Promise<Error | undefined> {
    if (value === undefined) return undefined;
    try {
      await this.#client.write(setting, String(value));
      return undefined;
    } catch (cause) {
      if (!(cause instanceof ConntrackError)) throw cause;
      return new Error(`${setting} cannot be set to ${value}: ${REASONS[cause.code]}`, { cause });
    }
  }
}
