import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { MemoryLog } from '../../../sim/log.ts';
import { iptablesClient } from '../../../src/adapters/iptables/client.ts';
import { iptablesError } from '../../../src/adapters/iptables/iptables-error.ts';
import { IptablesRedirector } from '../../../src/adapters/iptables/iptables-redirector.ts';
import { DOUBLED_RULE, FOREIGN_RULES } from './foreign-rules.ts';
import { rulesOf } from './sim-host.ts';
import type {
  IptablesClient,
  IptablesKind,
  IptablesPlace,
  IptablesProgram,
} from '../../../src/adapters/iptables/iptables-client.ts';
import type { Redirector } from '../../../src/ports/redirector.ts';
import type { NoHost, RedirectorHost } from '../../contracts/redirector.contract.ts';

const WIPE = ['filter', 'nat'].map((table) => `*${table}\n-F\n-X\nCOMMIT\n`).join('');

const IPV4: IptablesPlace = { program: 'iptables', family: 4 };
const IPV6: IptablesPlace = { program: 'iptables', family: 6 };

const run = promisify(execFile);

let count = 0;

/** A network namespace of its own on this machine's kernel, removed at the end. */
export class NamespaceHost implements RedirectorHost {
  readonly log = new MemoryLog();
  /** As on a host with one variant, whose plain `iptables` is it. */
  readonly client: IptablesClient;
  /** As on this machine. */
  readonly wholeClient: IptablesClient;
  readonly name: string;
  readonly #signal = new AbortController().signal;

  private constructor(name: string, kind: IptablesKind) {
    this.name = name;
    this.wholeClient = iptablesClient({ prefix: ['ip', 'netns', 'exec', name] });
    this.client = oneVariant(this.wholeClient, kind);
  }

  /** Makes a namespace, or says why this machine cannot have one. */
  static async open(kind: IptablesKind = 'nft'): Promise<NamespaceHost | NoHost> {
    if (process.getuid?.() !== 0) return { skip: 'network namespaces need root' };
    count += 1;
    const name = `embassy-iptables-${process.pid}-${count}`;
    try {
      await run('ip', ['netns', 'add', name]);
    } catch (error) {
      return { skip: `no network namespace: ${String(error)}` };
    }
    const host = new NamespaceHost(name, kind);
    try {
      await host.wipe();
      return host;
    } catch (error) {
      await host[Symbol.asyncDispose]();
      return { skip: `no iptables-${kind}: ${String(error)}` };
    }
  }

  redirector(): Redirector {
    return new IptablesRedirector({ client: this.client, log: this.log });
  }

  async rules(): Promise<string> {
    const options = { signal: this.#signal };
    return rulesOf(await this.client.save(IPV4, options)) + rulesOf(await this.client.save(IPV6, options));
  }

  writeForeignRules(): Promise<void> {
    return this.client.restore(IPV4, FOREIGN_RULES, { signal: this.#signal });
  }

  doubleOurRules(): Promise<void> {
    return this.client.restore(IPV4, DOUBLED_RULE, { signal: this.#signal });
  }

  async wipe(): Promise<void> {
    await this.client.restore(IPV4, WIPE, { signal: this.#signal });
    await this.client.restore(IPV6, WIPE, { signal: this.#signal });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run('ip', ['netns', 'delete', this.name]);
  }
}

/** The client as it is where one variant is installed, under its plain name. */
function oneVariant(client: IptablesClient, kind: IptablesKind): IptablesClient {
  const named = (program: IptablesProgram): IptablesProgram => {
    if (program !== 'iptables') throw iptablesError({ kind: 'missing', command: program });
    return `iptables-${kind}`;
  };
  const placed = (place: IptablesPlace): IptablesPlace => ({ ...place, program: named(place.program) });
  return {
    save: async (place, options) => client.save(placed(place), options),
    restore: async (place, text, options) => client.restore(placed(place), text, options),
    version: async (program, options) => client.version(named(program), options),
  };
}
