import { z } from 'zod';
import { AS_IT_IS } from './kernel-table.ts';
import { readBindings, readBound, readCrossings } from './read-sets.ts';
import { isLayoutSet, isPoolChain, LAYOUT_SET, TABLE } from './table-layout.ts';
import type { KernelTable } from './kernel-table.ts';
import type { NftablesClient } from './nftables-client.ts';

const partSchema = z.object({ family: z.string(), table: z.string(), name: z.string() }).optional();

const partsSchema = z.object({
  nftables: z.array(z.object({ chain: partSchema, set: partSchema, map: partSchema })),
});

/** Whose the table of our name is, and what tells that it is somebody else's. */
export type TableOwner =
  { readonly kind: 'nobody' | 'us' } | { readonly kind: 'somebody'; readonly holds: string };

/** Of our table: only such can have its name. */
const [FAMILY = ''] = TABLE.split(' ');

/** What a listing may be given. */
interface ListOptions {
  readonly signal: AbortSignal;
}

/** Whether our table is in the kernel, in the layout of today. Costs next to nothing, however large it is. */
export async function isThere(client: Pick<NftablesClient, 'list'>, options: ListOptions): Promise<boolean> {
  return (await client.list(['set', ...TABLE.split(' '), LAYOUT_SET], options)) !== undefined;
}

/**
 * Tells whose the table of our name is. It is ours, in any layout, if it has a set that tells the layout: to
 * have chains of our names, or none, says nothing, since others call theirs `prerouting`, too.
 *
 * @returns Nobody's also for a table without anything in it.
 * @throws {NftablesError} It could not be listed.
 */
export async function ownerOfTable(
  client: Pick<NftablesClient, 'list'>,
  options: ListOptions,
): Promise<TableOwner> {
  if (await isThere(client, options)) return { kind: 'us' };
  const sets = partNames('set', await client.list(['sets', FAMILY], options));
  if (sets.some(isLayoutSet)) return { kind: 'us' };
  const maps = partNames('map', await client.list(['maps', FAMILY], options));
  const chains = partNames('chain', await client.list(['chains', FAMILY], options));
  const [first] = [
    ...chains.map((name) => `chain ${name}`),
    ...[...sets, ...maps].map((name) => `set ${name}`),
  ];
  return first === undefined ? { kind: 'nobody' } : { kind: 'somebody', holds: first };
}

/**
 * Reads what the kernel holds of our table: which binding leads to which chain. The rules themselves are not
 * read, since nft would read all there are.
 *
 * @returns Undefined when there is no table, or it is of another layout, of no shape we know, or torn. Its
 *   chains are {@link AS_IT_IS}; interfaces and virtual IPs are left out.
 * @throws {NftablesError} It could not be listed.
 */
export async function readFoundTable(
  client: Pick<NftablesClient, 'list'>,
  options: ListOptions,
): Promise<KernelTable | undefined> {
  if (!(await isThere(client, options))) return undefined;
  const names = partNames('chain', await client.list(['chains'], options)).filter(isPoolChain);
  const chains = new Map(names.map((name) => [name, AS_IT_IS]));
  const elements = await readBindings(client, options);
  const crossings = await readCrossings(client, options);
  const [refused, shown] = [
    await readBound('refused', client, options),
    await readBound('shown', client, options),
  ];
  if (elements === undefined || crossings === undefined) return undefined;
  if (refused === undefined || shown === undefined) return undefined;
  // What is led and not known to be ours would keep an address to which nobody knows the way.
  const bound = await readBound('bound', client, options);
  if (bound === undefined || [...elements.keys()].some((element) => !bound.has(element))) return undefined;
  return {
    interfaces: [],
    virtualIps: [],
    chains,
    elements,
    crossings: { mark: 0, elements: crossings },
    hasOwn: false,
    refused,
    shown,
  };
}

/** The names of parts of our table in a list of all; none where that is of no shape we know. Pure. */
function partNames(kind: 'chain' | 'set' | 'map', document: unknown): readonly string[] {
  const listed = partsSchema.safeParse(document);
  return (listed.success ? listed.data.nftables : []).flatMap(({ [kind]: part }) =>
    part !== undefined && `${part.family} ${part.table}` === TABLE ? [part.name] : [],
  );
}
