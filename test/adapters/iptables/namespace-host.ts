import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { MemoryLog } from '../../../sim/log.ts';
import { iptablesClient } from '../../../src/adapters/iptables/client.ts';
import { IptablesRedirector } from '../../../src/adapters/iptables/iptables-redirector.ts';
import { DOUBLED_RULE, FOREIGN_RULES } from './foreign-rules.ts';
import { rulesOf } from './sim-host.ts';
import type { IptablesClient } from '../../../src/adapters/iptables/iptables-client.ts';
import type { Redirector } from '../../../src/ports/redirector.ts';
import type { NoHost, RedirectorHost } from '../../contracts/redirector.contract.ts';

const WIPE = '*nat\n-F\n-X\nCOMMIT\n';

const run = promisify(execFile);

let count = 0;

/** A network namespace of its own on this machine's kernel, removed at the end. */
export class NamespaceHost implements RedirectorHost {
  readonly log = new MemoryLog();
  readonly client: IptablesClient;
  readonly #name: string;
  readonly #signal = new AbortController().signal;

  private constructor(name: string) {
    this.#name = name;
    this.client = iptablesClient({ prefix: ['ip', 'netns', 'exec', name] });
  }

  /** Makes a namespace, or says why this machine cannot have one. */
  static async open(): Promise<NamespaceHost | NoHost> {
    if (process.getuid?.() !== 0) return { skip: 'network namespaces need root' };
    count += 1;
    const name = `embassy-iptables-${process.pid}-${count}`;
    try {
      await run('ip', ['netns', 'add', name]);
    } catch (error) {
      return { skip: `no network namespace: ${String(error)}` };
    }
    const host = new NamespaceHost(name);
    try {
      await host.rules();
      return host;
    } catch (error) {
      await host[Symbol.asyncDispose]();
      return { skip: `no iptables: ${String(error)}` };
    }
  }

  redirector(): Redirector {
    return new IptablesRedirector({ client: this.client, log: this.log });
  }

  async rules(): Promise<string> {
    const options = { signal: this.#signal };
    return (
      rulesOf(await this.client.save(4, 'nat', options)) + rulesOf(await this.client.save(6, 'nat', options))
    );
  }

  writeForeignRules(): Promise<void> {
    return this.client.restore(4, FOREIGN_RULES, { signal: this.#signal });
  }

  doubleOurRules(): Promise<void> {
    return this.client.restore(4, DOUBLED_RULE, { signal: this.#signal });
  }

  async wipe(): Promise<void> {
    await this.client.restore(4, WIPE, { signal: this.#signal });
    await this.client.restore(6, WIPE, { signal: this.#signal });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run('ip', ['netns', 'delete', this.#name]);
  }
}
