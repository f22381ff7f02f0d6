import { iptablesClient } from '../adapters/iptables/client.ts';
import { DockerUserPassage } from '../adapters/iptables/docker-user-passage.ts';
import { createNetfilterClient } from '../adapters/netlink/client.ts';
import { KernelFlows } from '../adapters/netlink/kernel-flows.ts';
import { KernelRuleHandles } from '../adapters/netlink/kernel-rule-handles.ts';
import { nftablesClient } from '../adapters/nftables/client.ts';
import { examineHost } from '../adapters/nftables/examine-host.ts';
import { NftablesError } from '../adapters/nftables/nftables-client.ts';
import { NftablesProxier } from '../adapters/nftables/nftables-proxier.ts';
import { makeWay, removeLeftTable } from '../adapters/nftables/left-table.ts';
import { hostNetworks } from '../adapters/node/interfaces.ts';
import { RedirectorError } from '../ports/redirector.ts';
import { TrackedFlowsError } from '../ports/tracked-flows.ts';
import { failureInWords } from './failure-in-words.ts';
import type { LeftTableDependencies } from '../adapters/nftables/left-table.ts';
import type { Options } from '../cli/resolve-options.ts';
import type { IpAddress } from '../domain/address.ts';
import type { PublishedPorts } from '../domain/published-port.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { RulesTurn } from '../ports/upgrade.ts';
import type { Removal } from './clean-up.ts';

/** What the kernel's data plane depends on besides. */
export interface KernelSurroundings {
  /** Where consumers' traffic arrives, now. */
  readonly interfaces: () => readonly string[];
  /** Behind which of these consumers do not reach each other, now. */
  readonly apart: () => readonly string[];
  /** What containers publish on this host, now. */
  readonly published: () => PublishedPorts;
  /** Whose the table is. */
  readonly turn: RulesTurn;
}

/**
 * Makes the data plane in the kernel, where it was asked for and this host has what it needs.
 *
 * @returns Undefined where everything is carried in userspace; why is said.
 * @throws {NftablesError | TrackedFlowsError} `--proxier=nftables`, and this host cannot.
 */
export async function createKernelProxier(
  dependencies: { readonly clock: Clock; readonly log: Log },
  options: Pick<
    Options,
    'capture' | 'endpointDrainMs' | 'keepRules' | 'kernelBytes' | 'packetMark' | 'proxier'
  >,
  virtualIps: readonly IpAddress[],
  { interfaces, apart, published, turn }: KernelSurroundings,
): Promise<NftablesProxier | undefined> {
  const { log } = dependencies;
  const client = nftablesClient();
  const netfilter = createNetfilterClient();
  const handles = new KernelRuleHandles(netfilter);
  const flows = new KernelFlows(netfilter);
  const { signal } = new AbortController();
  if (options.proxier === 'userspace' || options.capture.kind !== 'dnat') {
    await clearKernel({ client, handles, log }, { ...options, turn });
    return undefined;
  }
  try {
    await examineHost(client, { signal });
    await flows.list({ destinations: virtualIps, translatedOnly: true }, { signal });
  } catch (error) {
    const isLack = error instanceof NftablesError || error instanceof TrackedFlowsError;
    if (!isLack || options.proxier === 'nftables') throw error;
    log.info(`everything is carried in userspace: ${failureInWords(error)}`);
    await clearKernel({ client, handles, log }, { ...options, turn });
    return undefined;
  }
  const { endpointDrainMs, keepRules, kernelBytes } = options;
  const keepsRules = (): boolean => keepRules || !turn.isOurs;
  const passage = new DockerUserPassage(iptablesClient(), { mark: options.packetMark });
  return new NftablesProxier(
    {
      ...dependencies,
      client,
      flows,
      handles,
      host: hostNetworks(),
      published,
      passage,
    },
    { virtualIps, interfaces, apart, endpointDrainMs, keepsRules, countsBytes: kernelBytes },
  );
}

/** What removes what an earlier run left of the kernel's data plane: its table, its rule in DOCKER-USER. */
export const KERNEL_REMOVALS: readonly Removal[] = [
  async (options) => removeLeftTable(nftablesClient(), options),
  removePassage,
];

/** It is told by its comment, whatever its mark. */
async function removePassage(options: { readonly signal: AbortSignal }): Promise<boolean> {
  const passage = new DockerUserPassage(iptablesClient(), { mark: 0 });
  try {
    return await passage.cleanup(options);
  } catch (error) {
    if (error instanceof RedirectorError && error.code === 'no-command') return false;
    throw error;
  }
}

/** For a run that carries everything in userspace; during an upgrade once the rules are its own. */
async function clearKernel(
  parts: LeftTableDependencies,
  { capture, turn }: { readonly capture: Options['capture']; readonly turn: RulesTurn },
): Promise<void> {
  const { signal } = new AbortController();
  const mayRemove = capture.kind === 'dnat';
  const clear = async (): Promise<void> => {
    await makeWay(parts, { mayRemove, signal });
    if (!mayRemove) return;
    try {
      await removePassage({ signal });
    } catch (error) {
      // Without the table nothing has the mark that it lets through.
      parts.log.debug(`the rule in DOCKER-USER is left: ${String(error)}`);
    }
  };
  if (turn.isOurs) return clear();
  void turn.comes({ signal }).then(async (isOurs) => {
    if (isOurs) await clear();
  });
}
