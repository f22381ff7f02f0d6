import assert from 'node:assert/strict';
import { NodeClock } from '../../../src/adapters/node/node-clock.ts';
import { NodeResolver } from '../../../src/adapters/node/node-resolver.ts';
import { parseHostName } from '../../../src/domain/address.ts';
import { ResolveError } from '../../../src/ports/resolver.ts';
import type { HostName } from '../../../src/domain/address.ts';

function hostName(text: string): HostName {
  const name = parseHostName(text);
  assert(name !== undefined);
  return name;
}

describe('NodeResolver', () => {
  const resolver = new NodeResolver({ clock: new NodeClock() });
  const { signal } = new AbortController();

  it("finds what the host's own file names", async () => {
    const addresses = await resolver.resolve(hostName('localhost'), { signal });
    assert(addresses.some((address) => address === '127.0.0.1' || address === '::1'));
  });

  it('says of a name that there is not that there is none, or that nobody answers', async () => {
    await assert.rejects(
      resolver.resolve(hostName('nobody.invalid'), { signal }),
      (error) =>
        error instanceof ResolveError && /no such name|no name server|no answer within/.test(error.message),
    );
  }).timeout(10_000);

  it('gives up when told to', async () => {
    const reason = new Error('enough');
    await assert.rejects(
      resolver.resolve(hostName('localhost'), { signal: AbortSignal.abort(reason) }),
      reason,
    );
  });
});
