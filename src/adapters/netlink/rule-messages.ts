import { attribute, findAttribute, netlinkMessage, NLM_F, readMessages } from './netlink-message.ts';
import type { RulePlaces } from '../../ports/rule-handles.ts';

/** See Linux, include/uapi/linux/netfilter/nf_tables.h and nfnetlink.h: the subsystem is the upper byte. */
const NFT_MSG_NEWRULE = (10 << 8) | 6;
const NFT_MSG_GETRULE = (10 << 8) | 7;
const NFTA_RULE_TABLE = 1;
const NFTA_RULE_CHAIN = 2;
const NFTA_RULE_HANDLE = 3;
const HANDLE_BYTES = 8;

/** See Linux, include/uapi/linux/netfilter.h. */
const FAMILIES: Readonly<Record<string, number>> = { inet: 1, ip: 2, ip6: 10 };

/** A part of an answer. */
export interface RuleAnswer {
  readonly handles: readonly bigint[];
  /** `more` where the answer goes on; `failed` where it is of no use. */
  readonly state: 'more' | 'done' | 'failed';
}

/**
 * Asks for the rules of one chain.
 *
 * @param places - The name of its table begins with a family that we know.
 *
 * Pure.
 */
export function rulesRequest({ table }: Pick<RulePlaces, 'table'>, chain: string): Uint8Array {
  const [family = '', name = ''] = table.split(' ');
  return netlinkMessage(
    { kind: NFT_MSG_GETRULE, flags: NLM_F.request | NLM_F.dump, family: FAMILIES[family] ?? 0 },
    attribute(NFTA_RULE_TABLE, Buffer.from(`${name}\0`)),
    attribute(NFTA_RULE_CHAIN, Buffer.from(`${chain}\0`)),
  );
}

/** Reads a part of the answer. Pure; total: what is cut short or of another shape has failed. */
export function readRuleAnswer(bytes: Uint8Array): RuleAnswer {
  const handles: bigint[] = [];
  for (const message of readMessages(bytes)) {
    if (message.what === 'end') return { handles, state: 'done' };
    if (message.what === 'error') return { handles, state: 'failed' };
    if (message.kind !== NFT_MSG_NEWRULE) continue;
    const handle = findAttribute(message.attributes, NFTA_RULE_HANDLE);
    if (handle === undefined || handle.to - handle.from !== HANDLE_BYTES) return { handles, state: 'failed' };
    handles.push(handle.view.getBigUint64(handle.from));
  }
  return { handles, state: 'more' };
}
