import { SimIptables } from '../../../sim/iptables/sim-iptables.ts';
import { MemoryLog } from '../../../sim/log.ts';
import { IptablesRedirector } from '../../../src/adapters/iptables/iptables-redirector.ts';
import { DOUBLED_RULE, FOREIGN_RULES } from './foreign-rules.ts';
import type { SimIptablesOptions } from '../../../sim/iptables/sim-iptables.ts';
import type { Redirector } from '../../../src/ports/redirector.ts';
import type { RedirectorHost } from '../../contracts/redirector.contract.ts';

/** A simulated host, with its kernel and log in reach of the test. */
export class SimHost implements RedirectorHost {
  readonly kernel: SimIptables;
  readonly log = new MemoryLog();

  constructor(options: SimIptablesOptions = {}) {
    this.kernel = new SimIptables(options);
  }

  redirector(): Redirector {
    return new IptablesRedirector({ client: this.kernel, log: this.log });
  }

  rules(): Promise<string> {
    const { kernel } = this;
    const all = [kernel.tablesOf('nft'), kernel.tablesOf('legacy')].flatMap((tables) => [
      tables[4],
      tables[6],
    ]);
    return Promise.resolve(all.map((rules) => rulesOf(rules.save())).join(''));
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

/**
 * The text of iptables-save without what changes by itself, comments and counters, and without tables that
 * are as if they were not there: no rule, no chain of anybody, nothing closed.
 */
export function rulesOf(saved: string): string {
  const plain = saved.replaceAll(/^#.*\n/gm, '').replaceAll(/\[\d+:\d+\]/g, '[0:0]');
  const tables = plain.split(/(?<=^COMMIT\n)/m);
  return tables.filter((table) => /^(?:-A |:\S+ (?:-|DROP))/m.test(table)).join('');
}
