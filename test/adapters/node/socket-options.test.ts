import assert from 'node:assert/strict';
import { inNamespace } from './in-namespace.ts';

describe('SocketTuning', () => {
  it('[P22] bounds how long a vanished peer goes unnoticed, silent or not', async function () {
    this.timeout(30_000);
    const answer = await inNamespace(new URL('./vanished-peers.ts', import.meta.url), ['iptables']);
    if ('skip' in answer) {
      if (this.test !== undefined) this.test.title += ` (skipped: ${answer.skip})`;
      return this.skip();
    }
    const lost = 'ETIMEDOUT';
    assert.deepEqual(answer.output, { codes: [lost, lost, lost, lost], withinSeconds: 10 });
  });
});
