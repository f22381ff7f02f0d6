import { familyOf, parseIpAddress, parseSocketAddress } from '../../src/domain/address.ts';
import { typeInWords } from './datatype.ts';
import { isExpression, parseKey } from './parse-expression.ts';
import { natTypes } from './parse-elements.ts';
import { parseMap } from './parse-lookup.ts';
import { Refusal } from './refusal.ts';
import type { AddressFamily } from '../../src/domain/address.ts';
import type { TableFamily } from './ruleset.ts';
import type { NatTarget, Statement, Translation } from './rule.ts';
import type { TokenReader } from './token-reader.ts';

const PORT_MAX = 65_535;

/** What the rule said before. */
export interface RuleContext {
  readonly family: TableFamily;
  /** Whether it asks for TCP or UDP: only then may a port be written. */
  readonly isBehindTransport: boolean;
}

/** Reads `dnat|snat [ip|ip6] to TARGET`, the first word read already. */
export function parseTranslation(
  kind: Translation['kind'],
  reader: TokenReader,
  { family: table, isBehindTransport }: RuleContext,
): Translation {
  const place = reader.before;
  const said = reader.maybe('ip6', 'ip');
  if (said === undefined && table === 'inet') {
    throw new Refusal(place, 'ip or ip6 must be specified with address for inet tables.');
  }
  const family = (said ?? table) === 'ip6' ? 6 : 4;
  reader.expect('to');
  const { here } = reader;
  const target = parseTarget(reader, family);
  if (writesPort(target) && !isBehindTransport) throw noTransport({ ...here, last: reader.before.last });
  return { kind, family, target, isBehindTransport, place };
}

/** Reads `[to :PORT]`. */
function parsePortTo(reader: TokenReader, { isBehindTransport }: RuleContext): number | undefined {
  if (!reader.take('to')) return undefined;
  const { here } = reader;
  const port = Number(/^:(\d{1,5})$/.exec(reader.word())?.[1]);
  if (!(port <= PORT_MAX)) throw new Refusal(here, 'Service out of range');
  if (!isBehindTransport) throw noTransport(here);
  return port;
}

/** The refusal of a port where the rule asks for no protocol. */
export function noTransport(place: Refusal['place']): Refusal {
  return new Refusal(place, 'transport protocol mapping is only valid after transport protocol match');
}

function parseTarget(reader: TokenReader, family: AddressFamily): NatTarget {
  if (isExpression(reader)) {
    const { here: place } = reader;
    const key = parseKey(reader);
    const [from] = key;
    if (from !== undefined && key.length === 1 && reader.peek() !== 'map') {
      const type = family === 4 ? 'ipv4_addr' : 'ipv6_addr';
      if (from.type === type) return { kind: 'read', from };
      const [expected, found] = [typeInWords([type]), typeInWords([from.type])];
      const message = `datatype mismatch: expected ${expected}, expression has type ${found}`;
      throw new Refusal({ ...place, last: reader.before.last }, message);
    }
    reader.expect('map');
    return { kind: 'map', key, map: parseMap(reader, key, (raw) => natTypes(family, raw)) };
  }
  const { here } = reader;
  const word = reader.word();
  const at = parseSocketAddress(word);
  const address = at?.address ?? parseIpAddress(word);
  if (address === undefined || familyOf(address) !== family) {
    throw new Refusal(here, 'Could not resolve hostname: Address family for hostname not supported');
  }
  return { kind: 'fixed', address, port: at?.port };
}

function writesPort(target: NatTarget): boolean {
  if (target.kind === 'fixed') return target.port !== undefined;
  if (target.kind === 'read') return false;
  if (target.map.kind === 'named') return false;
  return target.map.elements.some(({ data }) => data.kind === 'values' && data.values.length > 1);
}

/** Reads `redirect [to :PORT]`, the first word read already. */
export function parseRedirect(reader: TokenReader, context: RuleContext): Statement {
  return { kind: 'redirect', port: parsePortTo(reader, context) };
}
