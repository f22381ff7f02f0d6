import { z } from 'zod';
import { formatSocketAddress, parseIpAddress, parsePort } from '../../domain/address.ts';
import { bindingId } from '../../domain/binding.ts';
import { FAMILIES, TABLE } from './table-layout.ts';
import type { AddressFamily, Protocol } from '../../domain/address.ts';
import type { BindingId } from '../../domain/binding.ts';
import type { Crossings } from './crossing-script.ts';
import type { KernelTable } from './kernel-table.ts';
import type { NftablesClient } from './nftables-client.ts';
import type { FlowSet, HandshakeSet } from './table-layout.ts';

const addressSchema = z.string().transform(known(parseIpAddress));
const portSchema = z.number().transform(known(parsePort));

/** Where there is no /etc/protocols, as in small images, nft tells numbers. */
const PROTOCOLS: ReadonlyMap<string | number, Protocol> = new Map<string | number, Protocol>([
  ['tcp', 'tcp'],
  ['udp', 'udp'],
  [6, 'tcp'],
  [17, 'udp'],
]);
const protocolSchema = z
  .union([z.string(), z.number()])
  .transform(known((protocol) => PROTOCOLS.get(protocol)));

/** What is counted of an element. */
const counted = { counter: z.object({ packets: z.number(), bytes: z.number() }) };

const flowListing = listingOf(
  'set',
  z.object({
    elem: z.object({
      ...counted,
      val: z.object({
        concat: z.tuple([addressSchema, protocolSchema, addressSchema, portSchema, portSchema]),
      }),
    }),
  }),
);

const handshakeListing = listingOf(
  'set',
  z.object({
    elem: z.object({ ...counted, val: z.object({ concat: z.tuple([addressSchema, portSchema]) }) }),
  }),
);

/** A binding: two addresses, protocol and port. */
const boundElement = z.object({ concat: z.tuple([z.string(), z.string(), protocolSchema, z.number()]) });

const boundListing = listingOf('set', boundElement);

/** What leads to a pool's chain. */
const bindingListing = listingOf(
  'map',
  z.tuple([boundElement, z.object({ goto: z.object({ target: z.string() }) })]),
);

/** What may cross from bridge to bridge: an address, protocol and port. */
const crossingListing = listingOf(
  'set',
  z.object({ concat: z.tuple([z.string(), protocolSchema, z.number()]) }),
);

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
  const found = await readElements(set, flowListing, reading);
  return found?.map(({ element: { elem } }) => {
    const { val, counter } = elem;
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
  const found = await readElements(set, handshakeListing, reading);
  if (found === undefined) return undefined;
  return new Map(
    found.map(({ element: { elem } }) => {
      const [address, port] = elem.val.concat;
      return [formatSocketAddress({ address, port }), elem.counter.packets];
    }),
  );
}

/**
 * Reads which binding leads to which chain.
 *
 * @returns By the element of the binding; else as {@link readFlows}.
 * @throws {NftablesError} It could not be listed.
 */
export async function readBindings(...reading: Reading): Promise<KernelTable['elements'] | undefined> {
  const found = await readElements('bindings', bindingListing, reading);
  if (found === undefined) return undefined;
  return new Map(
    found.map(({ family, element: [{ concat }, { goto }] }) => [
      concat.join(' . '),
      { family, chain: goto.target },
    ]),
  );
}

/**
 * Reads which bindings may cross from bridge to bridge.
 *
 * @returns By their elements; else as {@link readFlows}.
 * @throws {NftablesError} It could not be listed.
 */
export async function readCrossings(...reading: Reading): Promise<Crossings['elements'] | undefined> {
  const found = await readElements('crossing', crossingListing, reading);
  return found && new Map(found.map(({ family, element }) => [element.concat.join(' . '), family]));
}

/**
 * Reads one of the sets of bindings.
 *
 * @returns By their elements; else as {@link readFlows}.
 * @throws {NftablesError} It could not be listed.
 */
export async function readBound(
  set: 'bound' | 'refused' | 'shown',
  ...reading: Reading
): Promise<KernelTable['shown'] | undefined> {
  const found = await readElements(set, boundListing, reading);
  return found && new Map(found.map(({ family, element }) => [element.concat.join(' . '), family]));
}

/** How a set or map is listed, and what its elements are. */
interface Listing<T> {
  readonly what: 'set' | 'map';
  readonly schema: z.ZodType<readonly T[]>;
}

/** The elements in the document of `nft -j list set`, or of `list map`. */
function listingOf<T>(what: 'set' | 'map', element: z.ZodType<T>): Listing<T> {
  const body = z.object({ elem: z.array(element).optional() });
  const schema = z
    .object({ nftables: z.array(z.object({ [what]: body.optional() })) })
    .transform(({ nftables }) => nftables.flatMap((each) => each[what]?.elem ?? []));
  return { what, schema };
}

/** The elements of a set or map of both families. */
async function readElements<T>(
  name: string,
  { what, schema }: Listing<T>,
  [client, options]: Reading,
): Promise<readonly { readonly family: AddressFamily; readonly element: T }[] | undefined> {
  const found: { readonly family: AddressFamily; readonly element: T }[] = [];
  for (const family of FAMILIES) {
    const words = [what, ...TABLE.split(' '), `${name}${family}`];
    const read = schema.safeParse(await client.list(words, options));
    if (!read.success) return undefined;
    for (const element of read.data) found.push({ family, element });
  }
  return found;
}

/** A parser as a step of a schema: what it does not know is an issue. */
function known<I, O>(parse: (value: I) => O | undefined): (value: I, context: z.RefinementCtx) => O {
  return (value, context) => {
    const parsed = parse(value);
    if (parsed !== undefined) return parsed;
    context.addIssue({ code: 'custom', message: `not known: ${String(value)}` });
    return z.NEVER;
  };
}
