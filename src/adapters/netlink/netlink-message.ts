/** See Linux, include/uapi/linux/netlink.h; the byte order of the machine is taken to be little-endian. */
export const NLM_F = { request: 0x001, ack: 0x004, dumpInterrupted: 0x010, dump: 0x300 } as const;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;

/** The headers of a message of netlink, of nfnetlink in it, and of an attribute; see netlink(7). */
const HEADER_BYTES = 16;
const NETFILTER_HEADER_BYTES = 4;
const ATTRIBUTE_HEADER_BYTES = 4;
const ALIGNMENT_BYTES = 4;

/** Attributes of attributes, and of another byte order, have bits of their own. */
const ATTRIBUTE_KIND = 0x3fff;
const NESTED = 0x8000;

/** What a question begins with. */
export interface MessageHead {
  /** Of nfnetlink: the subsystem is the upper byte. */
  readonly kind: number;
  readonly flags: number;
  /** Of netfilter. */
  readonly family: number;
}

/** A message of an answer: `end` of a list, an `error` by its number (0: done), or one with attributes. */
export type NetlinkMessage =
  | { readonly what: 'end' }
  | { readonly what: 'error'; readonly number: number }
  | { readonly what: 'message'; readonly kind: number; readonly attributes: Attributes };

/** Where attributes stand in bytes that are read by a view. */
export interface Attributes {
  readonly view: DataView;
  readonly from: number;
  readonly to: number;
}

/** Puts a question together. Pure. */
export function netlinkMessage(
  { kind, flags, family }: MessageHead,
  ...attributes: readonly Buffer[]
): Buffer {
  const head = Buffer.alloc(HEADER_BYTES + NETFILTER_HEADER_BYTES);
  const bytes = Buffer.concat([head, ...attributes]);
  bytes.writeUInt32LE(bytes.byteLength, 0);
  bytes.writeUInt16LE(kind, 4);
  bytes.writeUInt16LE(flags, 6);
  bytes.writeUInt8(family, HEADER_BYTES);
  return bytes;
}

/** Puts an attribute together. Pure. */
export function attribute(kind: number, value: Uint8Array): Buffer {
  const length = ATTRIBUTE_HEADER_BYTES + value.byteLength;
  const bytes = Buffer.alloc(aligned(length));
  bytes.writeUInt16LE(length, 0);
  bytes.writeUInt16LE(kind, 2);
  bytes.set(value, ATTRIBUTE_HEADER_BYTES);
  return bytes;
}

/** Puts an attribute of attributes together. Pure. */
export function nested(kind: number, ...attributes: readonly Buffer[]): Buffer {
  return attribute(kind | NESTED, Buffer.concat(attributes));
}

/**
 * Reads the messages of a part of an answer.
 *
 * Total: what is cut short, or a list that changed while it was made, is an error with a negative number.
 */
export function* readMessages(bytes: Uint8Array): Generator<NetlinkMessage, void, void> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.byteLength;) {
    const left = bytes.byteLength - at;
    const length = left < HEADER_BYTES ? 0 : view.getUint32(at, true);
    if (length < HEADER_BYTES || length > left) {
      yield MALFORMED;
      return;
    }
    const kind = view.getUint16(at + 4, true);
    if ((view.getUint16(at + 6, true) & NLM_F.dumpInterrupted) !== 0) {
      yield MALFORMED;
      return;
    }
    if (kind === NLMSG_DONE) {
      // A list that the kernel could not finish ends with the number of an error.
      const number = length < HEADER_BYTES + 4 ? 0 : -view.getInt32(at + HEADER_BYTES, true);
      yield number === 0 ? { what: 'end' } : { what: 'error', number };
    } else if (kind === NLMSG_ERROR) {
      if (length < HEADER_BYTES + 4) {
        yield MALFORMED;
        return;
      }
      yield { what: 'error', number: -view.getInt32(at + HEADER_BYTES, true) };
    } else {
      const from = at + HEADER_BYTES + NETFILTER_HEADER_BYTES;
      yield { what: 'message', kind, attributes: { view, from, to: at + length } };
    }
    at += aligned(length);
  }
}

const MALFORMED: NetlinkMessage = { what: 'error', number: -1 };

/** Finds an attribute; its value, or the attributes in it. Total; undefined where there is none. */
export function findAttribute({ view, from, to }: Attributes, wanted: number): Attributes | undefined {
  for (let at = from; at + ATTRIBUTE_HEADER_BYTES <= to;) {
    const length = view.getUint16(at, true);
    if (length < ATTRIBUTE_HEADER_BYTES || at + length > to) return undefined;
    if ((view.getUint16(at + 2, true) & ATTRIBUTE_KIND) === wanted) {
      return { view, from: at + ATTRIBUTE_HEADER_BYTES, to: at + length };
    }
    at += aligned(length);
  }
  return undefined;
}

function aligned(length: number): number {
  return Math.ceil(length / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
}
