import { spawnSync } from 'node:child_process';
import { SimClock } from '../../../sim/clock.ts';
import { MemoryLog } from '../../../sim/log.ts';
import { SimNftables } from '../../../sim/nftables/sim-nftables.ts';
import { nftablesClient } from '../../../src/adapters/nftables/client.ts';
import { NftablesRedirector } from '../../../src/adapters/nftables/nftables-redirector.ts';
import { settle } from '../../support/settle.ts';
import { RealNft } from '../../sim/nftables/real-nft.ts';
import type { Redirector } from '../../../src/ports/redirector.ts';
import type { NoHost, RedirectorHost } from '../../contracts/redirector.contract.ts';

/** Rules of others, some of which look a little like ours: of another family, or with our words. */
const FOREIGN = [
  'add table ip nat',
  'add chain ip nat PREROUTING { type nat hook prerouting priority dstnat; }',
  'add rule ip nat PREROUTING ip daddr 172.17.0.1 tcp dport 8080 dnat to 172.17.0.2:80 comment "embassy"',
  'add table ip embassy-capture',
  'add chain ip embassy-capture arriving',
  'add rule ip embassy-capture arriving tcp dport 9999 accept comment "embassy 0123456789abcdef"',
  'add table inet filter',
  'add chain inet filter input { type filter hook input priority filter; }',
  'add rule inet filter input tcp dport 23 drop',
].join('\n');

/** The chain in which the contract's rules are found twice. */
const DOUBLED = 'arriving';

/** A simulated kernel with a redirector. */
export class SimRedirectorHost implements RedirectorHost {
  readonly nft = new SimNftables(new SimClock(settle));
  readonly log = new MemoryLog();

  redirector(): Redirector {
    return new NftablesRedirector({ client: this.nft, log: this.log });
  }

  rules(): Promise<string> {
    const lines: string[] = [];
    for (const [name, { chains }] of [...this.nft.ruleset].sort()) {
      for (const [chain, { base, rules }] of chains) {
        lines.push(`${name} ${chain} ${JSON.stringify(base)}`);
        lines.push(...rules.map(({ text }) => `${name} ${chain} ${text}`));
      }
    }
    return Promise.resolve(lines.join('\n'));
  }

  writeForeignRules(): Promise<void> {
    this.nft.somebody(FOREIGN);
    return Promise.resolve();
  }

  doubleOurRules(): Promise<void> {
    const [rule] = this.nft.ruleset.get('inet embassy-capture')?.chains.get(DOUBLED)?.rules ?? [];
    this.nft.somebody(`add rule inet embassy-capture ${DOUBLED} ${rule?.text ?? ''}`);
    return Promise.resolve();
  }

  wipe(): Promise<void> {
    this.nft.wipe();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

/** A network namespace of its own on this machine's kernel. */
export class NftRedirectorHost implements RedirectorHost {
  readonly log = new MemoryLog();
  readonly #real: RealNft;
  readonly #prefix: readonly string[];

  private constructor(real: RealNft) {
    this.#real = real;
    this.#prefix = ['ip', 'netns', 'exec', real.namespace];
  }

  /** Makes one, or says why this machine cannot have one. */
  static open(): Promise<NftRedirectorHost | NoHost> {
    const real = RealNft.open();
    return Promise.resolve('skip' in real ? real : new NftRedirectorHost(real));
  }

  redirector(): Redirector {
    return new NftablesRedirector({ client: nftablesClient({ prefix: this.#prefix }), log: this.log });
  }

  rules(): Promise<string> {
    return Promise.resolve(this.#list('ruleset'));
  }

  async writeForeignRules(): Promise<void> {
    this.nft(FOREIGN);
  }

  async doubleOurRules(): Promise<void> {
    const rule = /^\s+(.* comment "embassy .*)$/m.exec(
      this.#list('chain', 'inet', 'embassy-capture', DOUBLED),
    );
    this.nft(`add rule inet embassy-capture ${DOUBLED} ${rule?.[1] ?? ''}`);
  }

  async wipe(): Promise<void> {
    this.nft('flush ruleset');
  }

  /** Has a script of somebody applied. */
  nft(script: string): void {
    const says = this.#real.nft(`${script}\n`);
    if (says !== undefined) throw new Error(says);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#real[Symbol.dispose]();
  }

  #list(...words: readonly string[]): string {
    const [file = '', ...args] = [...this.#prefix, 'nft', '-s', 'list', ...words];
    return spawnSync(file, args, { encoding: 'utf8' }).stdout;
  }
}
