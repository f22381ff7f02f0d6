import { parseIpAddress, parsePort } from '../../src/domain/address.ts';
import { endpointId } from '../../src/domain/endpoint.ts';
import type { IpAddress, Port } from '../../src/domain/address.ts';
import type { Endpoint } from '../../src/domain/endpoint.ts';

/** An address for tests. Throws for what is not one. */
export function address(text: string): IpAddress {
  const parsed = parseIpAddress(text);
  if (parsed === undefined) throw new Error(`not an address: ${text}`);
  return parsed;
}

/** A port for tests. Throws for what is not one. */
export function port(value: number): Port {
  const parsed = parsePort(value);
  if (parsed === undefined) throw new Error(`not a port: ${value}`);
  return parsed;
}

/** The endpoint `10.0.0.<n>:80`, of weight 1 and without tags unless told. */
export function endpoint(n: number, overrides: Partial<Endpoint> = {}): Endpoint {
  const at = address(`10.0.${Math.floor(n / 250)}.${(n % 250) + 1}`);
  return { id: endpointId(`e${n}`), address: at, port: port(80), weight: 1, tags: undefined, ...overrides };
}
