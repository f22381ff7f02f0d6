import { ownerOfTable } from './found-table.ts';
import { NftablesError } from './nftables-client.ts';
import { removal, TABLE } from './table-layout.ts';
import type { Log } from '../../ports/log.ts';
import type { RuleHandles } from '../../ports/rule-handles.ts';
import type { NftablesClient } from './nftables-client.ts';

/** The chain that leads connections. */
const LEADS = ['prerouting'];

/** What is worked with. */
export interface LeftTableDependencies {
  readonly client: Pick<NftablesClient, 'apply' | 'list'>;
  readonly handles: RuleHandles;
  readonly log: Log;
}

/**
 * Removes the table that an earlier run left.
 *
 * @returns Whether there was one. Without the command nobody wrote any; somebody else's is left alone.
 * @throws {NftablesError} It could not be looked for or removed.
 */
export async function removeLeftTable(
  client: LeftTableDependencies['client'],
  options: { readonly signal: AbortSignal },
): Promise<boolean> {
  try {
    if ((await ownerOfTable(client, options)).kind !== 'us') return false;
    await client.apply(removal(), options);
    return true;
  } catch (error) {
    if (error instanceof NftablesError && error.code === 'no-command') return false;
    throw error;
  }
}

/**
 * Makes way for a run that carries everything in userspace: what an earlier one left in the kernel would lead
 * connections past it, to endpoints that nobody changes any more. Where the table stays it is said, since
 * nothing else shows it; also where there is no nft any more, because the kernel is asked itself.
 *
 * @param mayRemove - Whether the rules of this host are this run's. Without rules of its own, a run may be
 *   beside another that needs the table.
 */
export async function makeWay(
  { client, handles, log }: LeftTableDependencies,
  { mayRemove, signal }: { readonly mayRemove: boolean; readonly signal: AbortSignal },
): Promise<void> {
  let reason = 'another run on this host may need it';
  try {
    if ((await ownerOfTable(client, { signal })).kind !== 'us') return;
    if (mayRemove) {
      await client.apply(removal(), { signal });
      log.info(`the table ${TABLE} of an earlier run is removed`);
      return;
    }
  } catch (error) {
    if (!(error instanceof NftablesError)) throw error;
    reason = error.message;
  }
  if ((handles.read({ table: TABLE, chains: LEADS }) ?? []).length === 0) return;
  log.warn(
    `the table ${TABLE} in the kernel leads connections past this run and is left: ${reason}; ` +
      `'embassy cleanup' (or nft delete table ${TABLE}) removes it`,
  );
}
