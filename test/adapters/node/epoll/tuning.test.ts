import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { inNamespace } from '../in-namespace.ts';
import { kernelHere } from '../../../../src/adapters/node/epoll/kernel.ts';
import { encodeSocketAddress } from '../../../../src/adapters/node/epoll/socket-addresses.ts';
import { tuneDescriptor } from '../../../../src/adapters/node/epoll/tuning.ts';
import { SOCKET_TUNING_DEFAULT } from '../../../../src/adapters/node/socket-tuning.ts';
import { freeAddress } from '../../../support/node-tcp-world.ts';

/** See socket(7) and tcp(7): seconds, but for the last, which is milliseconds. */
const OPTIONS = [
  { name: 'SO_KEEPALIVE', level: 1, option: 9, expected: 1 },
  { name: 'TCP_NODELAY', level: 6, option: 1, expected: 1 },
  { name: 'TCP_KEEPIDLE', level: 6, option: 4, expected: 20 },
  { name: 'TCP_KEEPINTVL', level: 6, option: 5, expected: 1 },
  { name: 'TCP_USER_TIMEOUT', level: 6, option: 18, expected: 30_000 },
];

describe('tuneDescriptor', () => {
  for (const { name, level, option, expected } of OPTIONS) {
    it(`[P22] sets ${name} on a listener for every connection that it accepts`, async () => {
      const kernel = kernelHere();
      assert.ok(typeof kernel !== 'string');
      const at = await freeAddress('127.0.0.1');
      const listening = kernel.openTcp(4);
      assert.equal(kernel.bind(listening, encodeSocketAddress(at)), 0);
      tuneDescriptor(kernel, listening, SOCKET_TUNING_DEFAULT);
      assert.equal(kernel.listen(listening, 1), 0);
      const dialled = connect(at.port, at.address);
      await once(dialled, 'connect');
      const accepted = kernel.accept(listening, Buffer.alloc(28));
      assert.ok(accepted > 0);
      assert.equal(kernel.getOption(accepted, level, option), expected);
      for (const fd of [accepted, listening]) kernel.close(fd);
      dialled.destroy();
    });
  }
});

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
