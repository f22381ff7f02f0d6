import { spawnSync } from 'node:child_process';

/** Long enough for any command on a busy machine. */
const COMMAND_LIMIT_MS = 10_000;

let count = 0;

/** The nft of this machine, in a network namespace of its own that ends with it. */
export class RealNft implements Disposable {
  readonly namespace: string;

  private constructor(namespace: string) {
    this.namespace = namespace;
  }

  /** Makes a namespace, or says why this machine cannot have one. */
  static open(): RealNft | { readonly skip: string } {
    if (process.getuid?.() !== 0) return { skip: 'network namespaces need root' };
    count += 1;
    const name = `embassy-nft-${process.pid}-${count}`;
    const made = command(['ip', 'netns', 'add', name]);
    if (made !== undefined) return { skip: `no network namespace: ${made}` };
    const real = new RealNft(name);
    const failed = real.nft('flush ruleset\n');
    if (failed === undefined) return real;
    real[Symbol.dispose]();
    return { skip: `no nft: ${failed}` };
  }

  /** Whether this is the release whose words the simulation has. */
  isKnownRelease(): boolean {
    return spawnSync('nft', ['--version'], { encoding: 'utf8' }).stdout.includes('v1.0.6');
  }

  /**
   * Has a script applied, or checked alone.
   *
   * @returns What nft says in its first line; undefined when it takes the script.
   */
  nft(script: string, ...options: readonly string[]): string | undefined {
    return command(['nsenter', `--net=/run/netns/${this.namespace}`, 'nft', ...options, '-f', '-'], script);
  }

  [Symbol.dispose](): void {
    command(['ip', 'netns', 'delete', this.namespace]);
  }
}

function command([file = '', ...words]: readonly string[], input = ''): string | undefined {
  const limits = { timeout: COMMAND_LIMIT_MS, killSignal: 'SIGKILL', encoding: 'utf8' } as const;
  const { status, stderr, error } = spawnSync(file, words, { ...limits, input });
  if (error !== undefined) return error.message;
  return status === 0 ? undefined : (stderr.split('\n')[0] ?? '');
}
