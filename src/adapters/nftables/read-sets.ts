import { z } from 'zod';
import { formatSocketAddress, parseIpAddress, parsePort } from '../../domain/address.ts';
import { bindingId } from '../../domain/binding.ts';
import { FAMILIES, TABLE } from './table-layout.ts';
import type { BindingId } from '../../domain/binding.ts';
import type { NftablesClient } from './nftables-client.ts';
import type { FlowSet, HandshakeSet } from './table-layout.ts';

const protocolSchema = z.enum(['tcp', 'udp']);
const addressSchema = z.string().transform((text) => parseIpAddress(text) ?? z.NEVER);
const portSchema = z.number().transform((port) => parsePort(port) ?? z.NEVER);

/** What is counted of an element. */
const counted = { counter: z.object({ packets: z.number(), bytes: z.number() }) };

const flowSchema = z.object({
  elem: z.object({
    ...counted,
    val: z.object({
      concat: z.tuple([addressSchema, protocolSchema, addressSchema, portSchema, portSchema]),
    }),
  }),
});

const endpointSchema = z.object({
  elem: z.object({ ...counted, val: z.object({ concat: z.tuple([addressSchema, portSchema]) }) }),
});

/** The packets of one consumer's connections, to a port it dialled, that went to one endpoint. */
export interface FoundFlow {
  /** Tells it from all others. */
  readonly id: string;
  readonly binding: BindingId;
  /** By `endpointKey`. */
  readonly endpoint: string;
  readonly packets: number;
  readonly bytes: number;
}

/** Where sets are read, and what ends it. */
type Reading = readonly [client: Pick<NftablesClient, 'list'>, options: { readonly signal: AbortSignal }];

/**
 * Reads what is counted of each flow.
 *
 * @returns Undefined when there is no table, or its sets are of no shape we know.
 * @throws {NftablesError} It could not be listed.
 */
export async function readFlows(
  set: FlowSet,
  ...reading: Reading
): Promise<readonly FoundFlow[] | undefined> {
  const found = await readSets(set, flowSchema, reading);
  return found?.map(({ elem: { val, counter } }) => {
    const [consumer, protocol, address, port, dialled] = val.concat;
    return {
      id: val.concat.join(' '),
      binding: bindingId(consumer, protocol, dialled),
      endpoint: formatSocketAddress({ address, port }),
      packets: counter.packets,
      bytes: counter.bytes,
    };
  });
}

/**
 * Reads what is counted of the handshakes with each endpoint.
 *
 * @returns Packets by `endpointKey`; else as {@link readFlows}.
 * @throws {NftablesError} It could not be listed.
 */
export async function readHandshakes(
  set: HandshakeSet,
  ...reading: Reading
): Promise<ReadonlyMap<string, number> | undefined> {
  const found = await readSets(set, endpointSchema, reading);
  if (found === undefined) return undefined;
  return new Map(
    found.map(({ elem: { val, counter } }) => {
      const [address, port] = val.concat;
      return [formatSocketAddress({ address, port }), counter.packets];
    }),
  );
}

/** The elements of a set of both families. */
async function readSets<T>(
  name: string,
  schema: z.ZodType<T>,
  [client, options]: Reading,
): Promise<readonly T[] | undefined> {
  const listing = z.object({
    nftables: z.array(z.object({ set: z.object({ elem: z.array(schema).optional() }).optional() })),
  });
  const found: T[] = [];
  for (const family of FAMILIES) {
    const words = ['set', ...TABLE.split(' '), `${name}${family}`];
    const read = listing.safeParse(await client.list(words, options));
    if (!read.success) return undefined;
    for (const { set } of read.data.nftables) found.push(...(set?.elem ?? []));
  }
  return found;
}
