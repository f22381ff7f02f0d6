import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { AbstractStartedContainer, getContainerRuntimeClient } from 'testcontainers';

import { RunningProcess } from './running-process.ts';

import type { Container } from 'dockerode';
import type { StartedNetwork, StartedTestContainer } from 'testcontainers';

/** Where a machine sees the folder it shares with us. */
export const SHARED_DIRECTORY = '/run/e2e';

const PID_TIMEOUT_MS = 10_000;

/**
 * Runs a program in the background: its output, pid and exit code become files of the shared folder, each
 * complete when it appears. Arguments: folder, then the program's own.
 */
const LAUNCH = `
dir=$1; shift
mkdir -p "$dir" && chmod 777 "$dir"
(
  "$@" >"$dir/log" 2>&1 </dev/null &
  pid=$!
  echo $pid >"$dir/pid.new" && mv "$dir/pid.new" "$dir/pid"
  wait $pid
  echo $? >"$dir/exit.new" && mv "$dir/exit.new" "$dir/exit"
) >/dev/null 2>&1 </dev/null &
`;

export interface ProcessOptions {
  /** Names its folder of output, and itself in errors. */
  readonly name: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** A running machine. Stopping it ends all its processes and removes it with its volumes. */
export class StartedMachine extends AbstractStartedContainer {
  /** Its address on the outer network. */
  readonly address: string;
  protected readonly sharedDirectory: string;
  private launched = 0;

  constructor(container: StartedTestContainer, network: StartedNetwork, sharedDirectory: string) {
    super(container);
    this.sharedDirectory = sharedDirectory;
    this.address = container.getIpAddress(network.getName());
  }

  /**
   * Runs a command in it and gives its standard output.
   *
   * @throws {Error} when it ends with another code than 0, with what it printed
   */
  async output(argv: readonly string[]): Promise<string> {
    const result = await this.exec([...argv]);
    if (result.exitCode !== 0) {
      throw new Error(`${argv.join(' ')} ended with ${result.exitCode}\n${result.output.trim()}`);
    }
    return result.stdout;
  }

  /**
   * Starts a program in the background.
   *
   * @param argv - program and arguments; no shell reads them
   * @returns its handle, once it has a pid
   */
  async startProcess(argv: readonly string[], options: ProcessOptions): Promise<RunningProcess> {
    this.launched += 1;
    const folder = `${options.name}-${this.launched}`;
    const env = Object.entries(options.env ?? {}).map(([name, value]) => `${name}=${value}`);
    const inside = path.posix.join(SHARED_DIRECTORY, folder);
    await this.output(['sh', '-c', LAUNCH, 'launch', inside, 'env', ...env, ...argv]);
    const files = path.join(this.sharedDirectory, folder);
    return RunningProcess.whenStarted(this, { name: options.name, files, timeoutMs: PID_TIMEOUT_MS });
  }

  /** Stops every process of it between two instructions: a server that hangs with its connections open. */
  async pause(): Promise<void> {
    await (await this.container()).pause();
  }

  async unpause(): Promise<void> {
    await (await this.container()).unpause();
  }

  /**
   * Drops every packet to and from an address, silently: a server that vanished without a FIN. The rules
   * are a table of their own, unseen by iptables-save.
   */
  async partition(address: string): Promise<void> {
    const table = partitionTable(address);
    const hook = (name: string): string => `{ type filter hook ${name} priority -400; policy accept; }`;
    await this.output([
      'nft',
      `add table ip ${table}
      add chain ip ${table} in ${hook('prerouting')}
      add chain ip ${table} out ${hook('output')}
      add rule ip ${table} in ip saddr ${address} drop
      add rule ip ${table} out ip daddr ${address} drop`,
    ]);
  }

  /** Undoes `partition`. */
  async repair(address: string): Promise<void> {
    await this.output(['nft', `delete table ip ${partitionTable(address)}`]);
  }

  /** Writes a file of the shared folder; gives its path inside. */
  async writeShared(name: string, text: string): Promise<string> {
    await writeFile(path.join(this.sharedDirectory, name), text);
    return path.posix.join(SHARED_DIRECTORY, name);
  }

  /** A text file of the shared folder; empty while it is not there. */
  protected async sharedFile(name: string): Promise<string> {
    return readFile(path.join(this.sharedDirectory, name), 'utf8').catch(() => '');
  }

  protected override async containerStopping(): Promise<void> {
    // A paused container takes no stop; what root made in the shared folder only root may remove.
    await this.unpause().catch(() => undefined);
    await this.exec(['sh', '-c', `rm -rf ${SHARED_DIRECTORY}/*`]);
  }

  private async container(): Promise<Container> {
    return (await getContainerRuntimeClient()).container.getById(this.getId());
  }
}

function partitionTable(address: string): string {
  return `partition_${address.replaceAll('.', '_')}`;
}
