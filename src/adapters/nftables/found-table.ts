import { z } from 'zod';
import { AS_IT_IS } from './kernel-table.ts';
import { FAMILIES, LAYOUT_SET, TABLE } from './table-layout.ts';
import type { AddressFamily } from '../../domain/address.ts';
import type { KernelTable } from './kernel-table.ts';
import type { NftablesClient } from './nftables-client.ts';

const chainsSchema = z.object({
  nftables: z.array(
    z.object({
      chain: z.object({ family: z.string(), table: z.string(), name: z.string() }).optional(),
    }),
  ),
});

/** An element: its key of two addresses, protocol and port, and how many packets found it. */
const elementSchema = z.object({
  elem: z.object({
    val: z.object({ concat: z.tuple([z.string(), z.string(), z.string(), z.number()]) }),
    counter: z.object({ packets: z.number() }),
  }),
});

const mapSchema = z.object({
  nftables: z.array(
    z.object({
      map: z
        .object({
          elem: z
            .array(z.tuple([elementSchema, z.object({ goto: z.object({ target: z.string() }) })]))
            .optional(),
        })
        .optional(),
    }),
  ),
});

/** A binding as the kernel has it. */
export interface FoundBinding {
  readonly element: string;
  readonly family: AddressFamily;
  readonly chain: string;
  /** How many it led to its pool since it was written: the first packet of each asks, later ones do not. */
  readonly connections: number;
}

/** What a listing may be given. */
interface ListOptions {
  readonly signal: AbortSignal;
}

/** How a pool's chain is called. */
const POOL_CHAIN = 'pool-';

/** Whether our table is in the kernel, in the layout of today. Costs next to nothing, however large it is. */
export async function isThere(client: Pick<NftablesClient, 'list'>, options: ListOptions): Promise<boolean> {
  return (await client.list(['set', ...TABLE.split(' '), LAYOUT_SET], options)) !== undefined;
}

/** Whether a table of our name is in the kernel, whatever its layout. */
export async function isAnyThere(
  client: Pick<NftablesClient, 'list'>,
  options: ListOptions,
): Promise<boolean> {
  return chainNames(await client.list(['chains'], options)).length > 0;
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
  const names = chainNames(await client.list(['chains'], options)).filter((name) =>
    name.startsWith(POOL_CHAIN),
  );
  const chains = new Map(names.map((name) => [name, AS_IT_IS]));
  const bindings = await readBindings(client, options);
  if (bindings === undefined) return undefined;
  const elements = new Map(bindings.map(({ element, family, chain }) => [element, { family, chain }]));
  return { interfaces: [], virtualIps: [], chains, elements };
}

/**
 * Reads the bindings of our table.
 *
 * @returns Undefined when there is no table, or its maps are of no shape we know.
 * @throws {NftablesError} They could not be listed.
 */
export async function readBindings(
  client: Pick<NftablesClient, 'list'>,
  options: ListOptions,
): Promise<readonly FoundBinding[] | undefined> {
  const found: FoundBinding[] = [];
  for (const family of FAMILIES) {
    const words = ['map', ...TABLE.split(' '), `bindings${family}`];
    const bindings = mapSchema.safeParse(await client.list(words, options));
    if (!bindings.success) return undefined;
    for (const { map } of bindings.data.nftables) {
      for (const [{ elem }, { goto }] of map?.elem ?? []) {
        const element = elem.val.concat.join(' . ');
        found.push({ element, family, chain: goto.target, connections: elem.counter.packets });
      }
    }
  }
  return found;
}

/** The names of our table's chains. */
function chainNames(document: unknown): readonly string[] {
  const listed = chainsSchema.safeParse(document);
  return (listed.success ? listed.data.nftables : []).flatMap(({ chain }) =>
    chain !== undefined && `${chain.family} ${chain.table}` === TABLE ? [chain.name] : [],
  );
}
