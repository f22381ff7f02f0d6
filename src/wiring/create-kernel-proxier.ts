import { iptablesClient } from '../adapters/iptables/client.ts';
import { DockerUserPassage } from '../adapters/iptables/docker-user-passage.ts';
import { createNetfilterClient } from '../adapters/netlink/client.ts';
import { KernelFlows } from '../adapters/netlink/kernel-flows.ts';
import { KernelRuleHandles } from '../adapters/netlink/kernel-rule-handles.ts';
import { nftablesClient } from '../adapters/nftables/client.ts';
import { examineHost } from '../adapters/nftables/examine-host.ts';
import { NftablesError } from '../adapters/nftables/nftables-client.ts';
import { NftablesProxier } from '../adapters/nftables/nftables-proxier.ts';
import { isOursThere } from '../adapters/nftables/found-table.ts';
import { TABLE } from '../adapters/nftables/table-layout.ts';
import { hostNetworks } from '../adapters/node/interfaces.ts';
import { RedirectorError } from '../ports/redirector.ts';
import { TrackedFlowsError } from '../ports/tracked-flows.ts';
import { failureInWords } from './failure-in-words.ts';
import type { Options } from '../cli/resolve-options.ts';
import type { IpAddress } from '../domain/address.ts';
import type { PublishedPorts } from '../domain/published-port.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { RulesTurn } from '../ports/upgrade.ts';

/** What the kernel's data plane depends on besides. */
export interface KernelSurroundings {
  /** Where consumers' traffic arrives, now. */
  readonly interfaces: () => readonly string[];
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
  { interfaces, published, turn }: KernelSurroundings,
): Promise<NftablesProxier | undefined> {
  const { log } = dependencies;
  const client = nftablesClient();
  const netfilter = createNetfilterClient();
  const flows = new KernelFlows(netfilter);
  const { signal } = new AbortController();
  if (options.proxier === 'userspace' || options.capture.kind !== 'dnat') {
    // What a run with another proxier left would lead past this one.
    if (options.capture.kind === 'dnat') await removeKernelTable();
    return undefined;
  }
  try {
    await examineHost(client, { signal });
    await flows.list({ destinations: virtualIps, translatedOnly: true }, { signal });
  } catch (error) {
    const isLack = error instanceof NftablesError || error instanceof TrackedFlowsError;
    if (!isLack || options.proxier === 'nftables') throw error;
    log.info(`everything is carried in userspace: ${failureInWords(error)}`);
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
      handles: new KernelRuleHandles(netfilter),
      host: hostNetworks(),
      published,
      passage,
    },
    { virtualIps, interfaces, endpointDrainMs, keepsRules, countsBytes: kernelBytes },
  );
}

/**
 * Removes the table of an earlier run, and the rule by which iptables let through what it led.
 *
 * @returns Whether there was one. A host without nft has none.
 */
export async function removeKernelTable(): Promise<boolean> {
  const hadTable = await removeTable();
  return (await removePassage()) || hadTable;
}

/** It is told by its comment, whatever its mark. */
async function removePassage(): Promise<boolean> {
  const passage = new DockerUserPassage(iptablesClient(), { mark: 0 });
  try {
    return await passage.cleanup({ signal: new AbortController().signal });
  } catch (error) {
    if (error instanceof RedirectorError) return false;
    throw error;
  }
}

async function removeTable(): Promise<boolean> {
  const client = nftablesClient();
  const signal = new AbortController().signal;
  try {
    if (!(await isOursThere(client, { signal }))) return false;
    await client.apply(`delete table ${TABLE}\n`, { signal });
    return true;
  } catch (error) {
    if (error instanceof NftablesError) return false;
    throw error;
  }
}
