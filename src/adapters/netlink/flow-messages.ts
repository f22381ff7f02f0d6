import ipaddr from 'ipaddr.js';
import { familyOf, parseIpAddress, parsePort } from '../../domain/address.ts';
import { attribute, findAttribute, nested, netlinkMessage, NLM_F, readMessages } from './netlink-message.ts';
import type { AddressFamily, IpAddress, Port, Protocol, SocketAddress } from '../../domain/address.ts';
import type { Flow } from '../../ports/tracked-flows.ts';
import type { Attributes } from './netlink-message.ts';

/** See Linux, include/uapi/linux/netfilter/nfnetlink_conntrack.h: the subsystem is the upper byte. */
const IPCTNL_MSG_CT_NEW = (1 << 8) | 0;
const IPCTNL_MSG_CT_GET = (1 << 8) | 1;
const IPCTNL_MSG_CT_DELETE = (1 << 8) | 2;
const CTA_TUPLE_ORIG = 1;
const CTA_TUPLE_REPLY = 2;
const CTA_STATUS = 3;
const CTA_STATUS_MASK = 26;
const CTA_TUPLE_IP = 1;
const CTA_TUPLE_PROTO = 2;
const CTA_PROTO_NUM = 1;
const CTA_PROTO_SRC_PORT = 2;
const CTA_PROTO_DST_PORT = 3;

/** Attributes of addresses: of the source, and of the destination. */
const CTA_IP = { 4: [1, 2], 6: [3, 4] } as const;

/** See Linux, include/uapi/linux/netfilter/nf_conntrack_common.h: the destination was translated. */
const IPS_DST_NAT = 1 << 5;

/** See socket(2). */
const AF = { 4: 2, 6: 10 } as const;

const PROTOCOLS: Readonly<Record<Protocol, number>> = { tcp: 6, udp: 17 };

/** A part of an answer. */
export interface FlowAnswer {
  readonly flows: readonly Flow[];
  /** `more` where the answer goes on; `failed` where it is of no use. */
  readonly state: 'more' | 'done' | 'failed';
}

/**
 * Asks for all flows of a family; with `translatedOnly` a kernel from 5.15 on leaves out the others. Pure.
 */
export function flowsRequest(family: AddressFamily, translatedOnly: boolean): Uint8Array {
  const head = { kind: IPCTNL_MSG_CT_GET, flags: NLM_F.request | NLM_F.dump, family: AF[family] };
  if (!translatedOnly) return netlinkMessage(head);
  return netlinkMessage(
    head,
    attribute(CTA_STATUS, bigEndian(IPS_DST_NAT, 4)),
    attribute(CTA_STATUS_MASK, bigEndian(IPS_DST_NAT, 4)),
  );
}

/** Asks the kernel to forget one flow. Pure. */
export function cutRequest({ protocol, source, destination }: Flow): Uint8Array {
  const family = familyOf(source.address);
  const [from, to] = CTA_IP[family];
  return netlinkMessage(
    { kind: IPCTNL_MSG_CT_DELETE, flags: NLM_F.request | NLM_F.ack, family: AF[family] },
    nested(
      CTA_TUPLE_ORIG,
      nested(
        CTA_TUPLE_IP,
        attribute(from, addressBytes(source.address)),
        attribute(to, addressBytes(destination.address)),
      ),
      nested(
        CTA_TUPLE_PROTO,
        attribute(CTA_PROTO_NUM, bigEndian(PROTOCOLS[protocol], 1)),
        attribute(CTA_PROTO_SRC_PORT, bigEndian(source.port, 2)),
        attribute(CTA_PROTO_DST_PORT, bigEndian(destination.port, 2)),
      ),
    ),
  );
}

/** An address as it stands in messages. Pure. */
export function addressBytes(address: IpAddress): Uint8Array {
  return Uint8Array.from(ipaddr.parse(address).toByteArray());
}

/**
 * Reads a part of the answer.
 *
 * @param destinations - What was dialled; flows to anything else are left out unread: there may be many.
 *
 * Pure; total: what is cut short or of another shape has failed, other protocols are left out.
 */
export function readFlowAnswer(
  bytes: Uint8Array,
  family: AddressFamily,
  destinations: readonly Uint8Array[],
): FlowAnswer {
  const flows: Flow[] = [];
  for (const message of readMessages(bytes)) {
    if (message.what === 'end') return { flows, state: 'done' };
    if (message.what === 'error') return { flows, state: 'failed' };
    if (message.kind !== IPCTNL_MSG_CT_NEW) continue;
    const original = findAttribute(message.attributes, CTA_TUPLE_ORIG);
    if (original === undefined || !isTo(original, family, destinations)) continue;
    const reply = findAttribute(message.attributes, CTA_TUPLE_REPLY);
    const flow = reply && flowOf(readTuple(original, family), readTuple(reply, family));
    if (flow !== undefined) flows.push(flow);
  }
  return { flows, state: 'more' };
}

/** Reads the answer to {@link cutRequest}: undefined where the kernel took it, else an error's number. */
export function readCutAnswer(bytes: Uint8Array): number | undefined {
  for (const message of readMessages(bytes)) {
    if (message.what === 'error') return message.number === 0 ? undefined : message.number;
  }
  return -1;
}

function isTo(tuple: Attributes, family: AddressFamily, destinations: readonly Uint8Array[]): boolean {
  const ip = findAttribute(tuple, CTA_TUPLE_IP);
  const at = ip && findAttribute(ip, CTA_IP[family][1]);
  if (at === undefined) return false;
  return destinations.some(
    (wanted) =>
      wanted.byteLength === at.to - at.from &&
      wanted.every((byte, index) => byte === at.view.getUint8(at.from + index)),
  );
}

/** A connection in one direction. */
interface Tuple {
  readonly protocol: Protocol;
  readonly source: SocketAddress;
  readonly destination: SocketAddress;
}

function flowOf(original: Tuple | undefined, reply: Tuple | undefined): Flow | undefined {
  // What answers is where packets are led to.
  return original && reply && { ...original, endpoint: reply.source };
}

function readTuple(tuple: Attributes, family: AddressFamily): Tuple | undefined {
  const ip = findAttribute(tuple, CTA_TUPLE_IP);
  const proto = findAttribute(tuple, CTA_TUPLE_PROTO);
  if (ip === undefined || proto === undefined) return undefined;
  const number = findAttribute(proto, CTA_PROTO_NUM);
  const protocol = number && protocolOf(number);
  const [from, to] = CTA_IP[family];
  const source = socketAddress(findAttribute(ip, from), findAttribute(proto, CTA_PROTO_SRC_PORT));
  const destination = socketAddress(findAttribute(ip, to), findAttribute(proto, CTA_PROTO_DST_PORT));
  return protocol && source && destination && { protocol, source, destination };
}

function protocolOf({ view, from, to }: Attributes): Protocol | undefined {
  if (to - from !== 1) return undefined;
  const number = view.getUint8(from);
  if (number === PROTOCOLS.tcp) return 'tcp';
  return number === PROTOCOLS.udp ? 'udp' : undefined;
}

function socketAddress(at: Attributes | undefined, port: Attributes | undefined): SocketAddress | undefined {
  const address = at && addressOf(at);
  const number = port && portOf(port);
  return address && number && { address, port: number };
}

function addressOf({ view, from, to }: Attributes): IpAddress | undefined {
  const bytes = Array.from({ length: to - from }, (_, index) => view.getUint8(from + index));
  if (bytes.length === 4) return parseIpAddress(bytes.join('.'));
  return bytes.length === 16 ? parseIpAddress(ipaddr.fromByteArray(bytes).toString()) : undefined;
}

function portOf({ view, from, to }: Attributes): Port | undefined {
  return to - from === 2 ? parsePort(view.getUint16(from)) : undefined;
}

function bigEndian(value: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntBE(value, 0, bytes);
  return buffer;
}
