import { ConntrackError } from '../../src/adapters/conntrack/conntrack-client.ts';
import type { ConntrackClient, ConntrackSetting } from '../../src/adapters/conntrack/conntrack-client.ts';

/** The settings of a kernel's connection tracking, set by hand. */
export class SimConntrack implements ConntrackClient {
  readonly settings = new Map<ConntrackSetting, string>([
    ['nf_conntrack_count', '0\n'],
    ['nf_conntrack_max', '1000\n'],
    ['nf_conntrack_tcp_timeout_established', '432000\n'],
  ]);
  readonly #refused = new Map<ConntrackSetting, ConntrackError['code']>();

  /** Lets so many connections be tracked. */
  setCount(count: number): void {
    this.settings.set('nf_conntrack_count', `${count}\n`);
  }

  /** Lets every write of some settings fail, of all unless some are given. */
  refuse(code: ConntrackError['code'], settings: Iterable<ConntrackSetting> = this.settings.keys()): void {
    for (const setting of settings) this.#refused.set(setting, code);
  }

  async read(setting: ConntrackSetting): Promise<string | undefined> {
    return this.settings.get(setting);
  }

  async write(setting: ConntrackSetting, text: string): Promise<void> {
    const refusal = this.#refused.get(setting);
    if (refusal !== undefined) throw new ConntrackError(refusal);
    if (!this.settings.has(setting)) throw new ConntrackError('missing');
    this.settings.set(setting, `${text}\n`);
  }
}
