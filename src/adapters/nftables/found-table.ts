import { z } from 'zod';
import { AS_IT_IS } from './kernel-table.ts';
import { readBindings, readCrossings } from './read-sets.ts';
import { isOurChain, isPoolChain, LAYOUT_SET, TABLE } from './table-layout.ts';
import type { KernelTable } from './kernel-table.ts';
import type { NftablesClient } from './nftables-client.ts';

const chainsSchema = z.object({
  nftables: z.array(
    z.object({
      chain: z.object({ family: z.string(), table: z.string(), name: z.string() }).optional(),
    }),
  ),
});

/** What a listing may be given. */
interface ListOptions {
  readonly signal: AbortSignal;
}

/** Whether our table is in the kernel, in the layout of today. Costs next to nothing, however large it is. */
export async function isThere(client: Pick<NftablesClient, 'list'>, options: ListOptions): Promise<boolean> {
  return (await client.list(['set', ...TABLE.split(' '), LAYOUT_SET], options)) !== undefined;
}

/** Whether a table of ours is there, whatever its layout; one with other chains is somebody else's. */
export async function isOursThere(
  client: Pick<NftablesClient, 'list'>,
  options: ListOptions,
): Promise<boolean> {
  const names = chainNames(await client.list(['chains'], options));
  return names.length > 0 && names.every(isOurChain);
}

/**
 * Reads what the kernel holds of our table: which binding leads to which chain. The rules themselves are not
 * read, since nft would read all there are.
 *
 * @returns Undefined when there is no table, or it is of another layout or of no shape we know. Its chains
 *   are {@link AS_IT_IS}; interfaces and virtual IPs are left out.
 * @throws {NftablesError} It could not be listed.
 */
export async function readFoundTable(
  client: Pick<NftablesClient, 'list'>,
  options: ListOptions,
): Promise<KernelTable | undefined> {
  if (!(await isThere(client, options))) return undefined;
  const names = chainNames(await client.list(['chains'], options)).filter((name) => isPoolChain(name));
  const chains = new Map(names.map((name) => [name, AS_IT_IS]));
  const elements = await readBindings(client, options);
  const crossings = await readCrossings(client, options);
  if (elements === undefined || crossings === undefined) return undefined;
  return {
    interfaces: [],
    virtualIps: [],
    chains,
    elements,
    crossings: { mark: 0, elements: crossings },
    hasOwn: false,
    refused: new Map(),
  };
}

/** The names of our table's chains in the list of all; none where that is of no shape we know. Pure. */
export function chainNames(document: unknown): readonly string[] {
  const listed = chainsSchema.safeParse(document);
  return (listed.success ? listed.data.nftables : []).flatMap(({ chain }) =>
    chain !== undefined && `${chain.family} ${chain.table}` === TABLE ? [chain.name] : [],
  );
}
