import { SimIptables } from '../../../sim/iptables/sim-iptables.ts';
import { MemoryLog } from '../../../sim/log.ts';
import { IptablesRedirector } from '../../../src/adapters/iptables/iptables-redirector.ts';
import { DOUBLED_RULE, FOREIGN_RULES } from './foreign-rules.ts';
import type { Redirector } from '../../../src/ports/redirector.ts';
import type { RedirectorHost } from '../../contracts/redirector.contract.ts';

/** A simulated host, with its kernel and log in reach of the test. */
export class SimHost implements RedirectorHost {
  readonly kernel = new SimIptables();
  readonly log = new MemoryLog();

  redirector(): Redirector {
    return new IptablesRedirector({ client: this.kernel, log: this.log });
  }

  rules(): Promise<string> {
    return Promise.resolve(rulesOf(this.kernel.tables[4].save()) + rulesOf(this.kernel.tables[6].save()));
  }

  writeForeignRules(): Promise<void> {
    this.kernel.tables[4].restore(FOREIGN_RULES);
    this.kernel.tables[4].count(17);
    return Promise.resolve();
  }

  doubleOurRules(): Promise<void> {
    this.kernel.tables[4].restore(DOUBLED_RULE);
    return Promise.resolve();
  }

  wipe(): Promise<void> {
    this.kernel.tables[4].wipe();
    this.kernel.tables[6].wipe();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

/** The text of iptables-save without what changes by itself: comments and counters. */
export function rulesOf(saved: string): string {
  return saved.replaceAll(/^#.*\n/gm, '').replaceAll(/\[\d+:\d+\]/g, '[0:0]');
}
