import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import type { CommandEnd } from '../../../sim/iptables/refusal.ts';
import type { IptablesKind } from '../../../src/adapters/iptables/iptables-client.ts';
import type { AddressFamily } from '../../../src/domain/address.ts';

/** Long enough for any command on a busy machine. */
const COMMAND_LIMIT_MS = 10_000;

const EMPTY = ['*nat', '-F', '-X', 'COMMIT', '*filter', '-F', '-X']
  .concat(['INPUT', 'FORWARD', 'OUTPUT'].map((chain) => `-P ${chain} ACCEPT`))
  .concat('COMMIT', '')
  .join('\n');

let count = 0;

/** The iptables of this machine, one variant, in a network namespace of its own that ends with it. */
export class RealIptables implements Disposable {
  readonly namespace: string;
  readonly #kind: IptablesKind;

  private constructor(namespace: string, kind: IptablesKind) {
    this.namespace = namespace;
    this.#kind = kind;
  }

  /** Makes a namespace, or says why this machine cannot have one. */
  static open(kind: IptablesKind): RealIptables | { readonly skip: string } {
    if (process.getuid?.() !== 0) return { skip: 'network namespaces need root' };
    count += 1;
    const name = `embassy-fake-${process.pid}-${count}`;
    const made = command(['ip', 'netns', 'add', name]);
    if (made.status !== 0) return { skip: `no network namespace: ${made.stderr}` };
    const real = new RealIptables(name, kind);
    const tried = real.restore(4, EMPTY);
    if (tried.status === 0) return real;
    real[Symbol.dispose]();
    return { skip: `no iptables-${kind}: ${tried.stderr}` };
  }

  /** Takes every rule away, and writes others. */
  reset(family: AddressFamily, text: string): void {
    const end = this.restore(family, EMPTY + text);
    assert.equal(end.status, 0, end.stderr);
  }

  /** Whether this is the release whose words the simulation has. */
  isKnownRelease(): boolean {
    return this.run([this.tool(4), '--version']).stdout.includes('v1.8.9');
  }

  restore(family: AddressFamily, text: string): CommandEnd {
    return this.run([`${this.tool(family)}-restore`, '--noflush'], text);
  }

  save(family: AddressFamily): string {
    const saved = this.run([`${this.tool(family)}-save`]);
    assert.equal(saved.status, 0, saved.stderr);
    return saved.stdout;
  }

  /** The name of the command, e.g. `ip6tables-nft`. */
  tool(family: AddressFamily): string {
    return `${family === 4 ? 'iptables' : 'ip6tables'}-${this.#kind}`;
  }

  /** Runs a command in the namespace. */
  run(words: readonly string[], input = ''): CommandEnd & { readonly stdout: string } {
    return command(['nsenter', `--net=/run/netns/${this.namespace}`, ...words], input);
  }

  [Symbol.dispose](): void {
    command(['ip', 'netns', 'delete', this.namespace]);
  }
}

function command(
  [file = '', ...words]: readonly string[],
  input = '',
): CommandEnd & { readonly stdout: string } {
  const limits = { timeout: COMMAND_LIMIT_MS, killSignal: 'SIGKILL', encoding: 'utf8' } as const;
  const { status, stderr, stdout, error } = spawnSync(file, words, { ...limits, input });
  if (error !== undefined) return { status: -1, stderr: error.message, stdout: '' };
  return { status: status ?? -1, stderr, stdout };
}
