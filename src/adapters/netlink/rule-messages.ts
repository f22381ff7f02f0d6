import type { RulePlaces } from '../../ports/rule-handles.ts';

/** See Linux, include/uapi/linux/netlink.h. */
const NLM_F_REQUEST = 0x001;
const NLM_F_DUMP = 0x300;
const NLM_F_DUMP_INTR = 0x010;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;

/** See Linux, include/uapi/linux/netfilter/nf_tables.h and nfnetlink.h: the subsystem is the upper byte. */
const NFT_MSG_NEWRULE = (10 << 8) | 6;
const NFT_MSG_GETRULE = (10 << 8) | 7;
const NFTA_RULE_TABLE = 1;
const NFTA_RULE_CHAIN = 2;
const NFTA_RULE_HANDLE = 3;

/** See Linux, include/uapi/linux/netfilter.h. */
const FAMILIES: Readonly<Record<string, number>> = { inet: 1, ip: 2, ip6: 10 };

/** The headers of a message of netlink, of nfnetlink in it, and of an attribute; see netlink(7). */
const HEADER_BYTES = 16;
const NETFILTER_HEADER_BYTES = 4;
const ATTRIBUTE_HEADER_BYTES = 4;

/** Attributes of attributes, and of another byte order, have bits of their own. */
const ATTRIBUTE_KIND = 0x3fff;

const ALIGNMENT_BYTES = 4;

/** A part of an answer. */
export interface RuleAnswer {
  readonly handles: readonly bigint[];
  /** `more` where the answer goes on; `failed` where it is of no use. */
  readonly state: 'more' | 'done' | 'failed';
}

/**
 * Asks for the rules of one chain. The byte order of the machine is taken to be little-endian, here and in
 * answers; what is netfilter's own is big-endian everywhere.
 *
 * @param places - The name of its table begins with a family that we know.
 *
 * Pure.
 */
export function rulesRequest({ table }: Pick<RulePlaces, 'table'>, chain: string): Uint8Array {
  const [family = '', name = ''] = table.split(' ');
  const attributes = Buffer.concat([attribute(NFTA_RULE_TABLE, name), attribute(NFTA_RULE_CHAIN, chain)]);
  const bytes = Buffer.alloc(HEADER_BYTES + NETFILTER_HEADER_BYTES + attributes.byteLength);
  bytes.writeUInt32LE(bytes.byteLength, 0);
  bytes.writeUInt16LE(NFT_MSG_GETRULE, 4);
  bytes.writeUInt16LE(NLM_F_REQUEST | NLM_F_DUMP, 6);
  bytes.writeUInt8(FAMILIES[family] ?? 0, HEADER_BYTES);
  attributes.copy(bytes, HEADER_BYTES + NETFILTER_HEADER_BYTES);
  return bytes;
}

/**
 * Reads a part of the answer.
 *
 * Pure; total: what is cut short or of another shape has failed.
 */
export function readRuleAnswer(bytes: Uint8Array): RuleAnswer {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const handles: bigint[] = [];
  for (let at = 0; at < bytes.byteLength;) {
    const left = bytes.byteLength - at;
    const length = left < HEADER_BYTES ? 0 : view.getUint32(at, true);
    if (length < HEADER_BYTES || length > left) return { handles, state: 'failed' };
    const kind = view.getUint16(at + 4, true);
    const isInterrupted = (view.getUint16(at + 6, true) & NLM_F_DUMP_INTR) !== 0;
    if (isInterrupted || kind === NLMSG_ERROR) return { handles, state: 'failed' };
    if (kind === NLMSG_DONE) return { handles, state: 'done' };
    if (kind === NFT_MSG_NEWRULE) {
      const handle = handleOf(view, { from: at + HEADER_BYTES + NETFILTER_HEADER_BYTES, to: at + length });
      if (handle === undefined) return { handles, state: 'failed' };
      handles.push(handle);
    }
    at += aligned(length);
  }
  return { handles, state: 'more' };
}

function handleOf(
  view: DataView,
  { from, to }: { readonly from: number; readonly to: number },
): bigint | undefined {
  for (let at = from; at + ATTRIBUTE_HEADER_BYTES <= to;) {
    const length = view.getUint16(at, true);
    if (length < ATTRIBUTE_HEADER_BYTES || at + length > to) return undefined;
    const isHandle = (view.getUint16(at + 2, true) & ATTRIBUTE_KIND) === NFTA_RULE_HANDLE;
    if (isHandle && length === ATTRIBUTE_HEADER_BYTES + 8)
      return view.getBigUint64(at + ATTRIBUTE_HEADER_BYTES);
    at += aligned(length);
  }
  return undefined;
}

function attribute(kind: number, text: string): Buffer {
  const length = ATTRIBUTE_HEADER_BYTES + Buffer.byteLength(text) + 1;
  const bytes = Buffer.alloc(aligned(length));
  bytes.writeUInt16LE(length, 0);
  bytes.writeUInt16LE(kind, 2);
  bytes.write(text, ATTRIBUTE_HEADER_BYTES);
  return bytes;
}

function aligned(length: number): number {
  return Math.ceil(length / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
}
