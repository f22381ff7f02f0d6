import assert from 'node:assert/strict';
import { parseIpAddress, parsePort } from '../../../src/domain/address.ts';
import type { Capture } from '../../../src/ports/redirector.ts';

/** A capture of some interfaces, with a listener on port 9999 of each virtual IP. */
export function captureOf(interfaces: readonly string[], addresses = ['172.17.0.1']): Capture {
  const port = parsePort(9999);
  const virtualIps = addresses.map((text) => {
    const address = parseIpAddress(text);
    assert(address !== undefined, `${text} is an address`);
    return address;
  });
  assert(port !== undefined, '9999 is a port');
  return { interfaces, virtualIps, listeners: virtualIps.map((address) => ({ address, port })) };
}
