import { parseSocketAddress } from '../../src/domain/address.ts';
import type { SocketAddress } from '../../src/domain/address.ts';

/** An address and port for tests, e.g. `10.0.0.1:80`. Throws for what is not one. */
export function at(text: string): SocketAddress {
  const parsed = parseSocketAddress(text);
  if (parsed === undefined) throw new Error(`not an address and port: ${text}`);
  return parsed;
}
