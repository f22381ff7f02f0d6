import { z } from 'zod';
import { CAPTURE_TABLE } from './capture-rules.ts';
import type { NftablesClient } from './nftables-client.ts';

const chainsSchema = z.object({
  nftables: z.array(
    z.object({
      chain: z
        .object({
          family: z.string(),
          table: z.string(),
          name: z.string(),
          type: z.string().optional(),
          hook: z.string().optional(),
          policy: z.string().optional(),
        })
        .optional(),
    }),
  ),
});

const rulesSchema = z.object({
  nftables: z.array(z.object({ rule: z.object({ expr: z.array(z.unknown()) }).optional() })),
});

/** A rule that lets translated connections in, as firewalld has one. */
const TRANSLATED = JSON.stringify({ op: 'in', left: { ct: { key: 'status' } }, right: 'dnat' });
const ACCEPTED = JSON.stringify({ accept: null });

/**
 * The chains of others that drop what arrives for this host unless they accept it, and accept nothing for
 * being translated: captured connections hang there, since no rule of another table can undo a drop.
 *
 * @returns As `FAMILY TABLE CHAIN`. What drops by a last rule instead of a policy is not told.
 * @throws {NftablesError} They could not be listed.
 */
export async function closedInputs(
  client: Pick<NftablesClient, 'list'>,
  options: { readonly signal: AbortSignal },
): Promise<readonly string[]> {
  const listed = chainsSchema.safeParse(await client.list(['chains'], options));
  const closed: string[] = [];
  for (const { chain } of listed.success ? listed.data.nftables : []) {
    if (chain?.type !== 'filter' || chain.hook !== 'input' || chain.policy !== 'drop') continue;
    const { family, table, name } = chain;
    if (`${family} ${table}` === CAPTURE_TABLE) continue;
    const rules = rulesSchema.safeParse(await client.list(['chain', family, table, name], options));
    const isOpened = (rules.success ? rules.data.nftables : []).some(({ rule }) => {
      const parts = (rule?.expr ?? []).map((part) => JSON.stringify(part));
      return parts.some((part) => part.includes(TRANSLATED)) && parts.includes(ACCEPTED);
    });
    if (!isOpened) closed.push(`${family} ${table} ${name}`);
  }
  return closed;
}
