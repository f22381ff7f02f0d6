import { ownerOfTable } from './found-table.ts';
import { crossingChanges, crossingElementOf, NO_CROSSINGS } from './crossing-script.ts';
import { elementOf, poolRule } from './kernel-table.ts';
import { NftablesError } from './nftables-client.ts';
import { ownChanges } from './own-script.ts';
import { shownChanges } from './shown-script.ts';
import { layoutScript, TABLE } from './table-layout.ts';
import type { IpAddress, Port } from '../../domain/address.ts';
import type { Balance } from '../../domain/balance.ts';
import type { NftablesClient } from './nftables-client.ts';

/** Where it is tried whether this host takes our rules: made and deleted in one transaction. */
const TRIAL_TABLE = 'inet embassy-trial';

/** A rule of each kind that pools have. */
const BALANCES: readonly Balance[] = ['round-robin', 'random', 'maglev'];

/** Addresses and ports for examples, which lead nowhere. */
const EXAMPLE = '192.0.2.1' as IpAddress;
const EXAMPLE_PORT = 80 as Port;

/**
 * Tells whether this host's kernel can carry connections for us: there is an nft that may write, our table's
 * name is not somebody else's, and everything we write is taken. Changes nothing.
 *
 * @throws {NftablesError} It cannot; the message says why, the hint what to do.
 */
export async function examineHost(
  client: Pick<NftablesClient, 'apply' | 'list'>,
  options: { readonly signal: AbortSignal },
): Promise<void> {
  const owner = await ownerOfTable(client, options);
  if (owner.kind === 'somebody') {
    throw new NftablesError('refused', `the table ${TABLE} is somebody else's: it has a ${owner.holds}`, {
      hint: `Delete it (nft delete table ${TABLE}), or start with --proxier=userspace.`,
    });
  }
  await client.apply(trialScript(), options);
}

/** Everything we ever write, and its removal. */
function trialScript(): string {
  const endpoint = { address: EXAMPLE, port: EXAMPLE_PORT };
  const rules = BALANCES.flatMap((balance) => {
    const route = { pool: { key: { balance } }, slots: [endpoint], family: 4 } as const;
    return [
      `add chain ${TABLE} pool-${balance}`,
      `add rule ${TABLE} pool-${balance} ${poolRule({ ...route, binding: { protocol: 'tcp' } })}`,
    ];
  });
  const binding = { address: EXAMPLE, protocol: 'tcp', port: EXAMPLE_PORT } as const;
  const element = elementOf({ binding, virtualIp: EXAMPLE });
  const lines = [
    ...layoutScript({ countsBytes: true }),
    ...rules,
    `add element ${TABLE} bindings4 { ${element} : goto pool-${BALANCES[0] ?? ''} }`,
    ...crossingChanges(NO_CROSSINGS, { mark: 1, elements: new Map([[crossingElementOf({ binding }), 4]]) }),
    ...ownChanges(false, true),
    ...shownChanges(false, true),
    `delete table ${TABLE}`,
  ];
  return `${lines.map((line) => line.replace(TABLE, TRIAL_TABLE)).join('\n')}\n`;
}
