import assert from 'node:assert/strict';
import { MemoryLog } from '../../../sim/log.ts';
import { MarkedDescriptors } from '../../../src/adapters/node/marked-descriptors.ts';
import { address } from '../../support/endpoints.ts';
import { inNamespace } from './in-namespace.ts';

const COMMANDS = ['iptables', 'ip6tables'];

describe('MarkedDescriptors', () => {
  it('[C4] lets our own connections past the rule that captures everyone else', async function () {
    this.timeout(20_000);
    const answer = await inNamespace(new URL('./marked-connections.ts', import.meta.url), COMMANDS);
    if ('skip' in answer) return this.skip();
    assert.deepEqual(answer.output, { seen: { plain: [9999, 9999], marked: [80, 80] }, log: [] });
  });

  it('opens none for an address that no rule captures', () => {
    const marked = new MarkedDescriptors({ log: new MemoryLog() }, [address('10.9.9.9')]);
    assert.equal(marked.open(address('10.9.9.8')), undefined);
  });
});
