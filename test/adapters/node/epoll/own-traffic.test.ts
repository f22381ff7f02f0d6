import assert from 'node:assert/strict';
import { MemoryLog } from '../../../../sim/log.ts';
import { OwnTraffic } from '../../../../src/adapters/node/epoll/own-traffic.ts';
import { kernelHere } from '../../../../src/adapters/node/epoll/kernel.ts';
import { SO_MARK, SOL_SOCKET } from '../../../../src/adapters/node/epoll/socket-options.ts';
import { address } from '../../../support/endpoints.ts';
import { inNamespace } from '../in-namespace.ts';
import type { Kernel } from '../../../../src/adapters/node/epoll/kernel.ts';

const NO_DESCRIPTOR = -1;

const COMMANDS = ['iptables', 'ip6tables'];

describe('OwnTraffic', () => {
  it('[C4] lets our own connections past the rule that captures everyone else', async function () {
    this.timeout(20_000);
    const answer = await inNamespace(new URL('./marked-connections.ts', import.meta.url), COMMANDS);
    if ('skip' in answer) return this.skip();
    assert.deepEqual(answer.output, { seen: { plain: [9999, 9999], marked: [80, 80] }, log: [] });
  });

  it('leaves a socket alone that goes where no rule captures', () => {
    const { kernel, log, traffic } = setUp();
    const fd = kernel.openTcp(4);
    try {
      traffic.mark(fd, address('10.9.9.8'));
      assert.equal(kernel.getOption(fd, SOL_SOCKET, SO_MARK), 0);
      assert.deepEqual(log.messages(), []);
    } finally {
      kernel.close(fd);
    }
  });

  it('says once that a socket could not be marked, and where that leads', () => {
    const { log, traffic } = setUp();
    for (let count = 0; count < 2; count += 1) traffic.mark(NO_DESCRIPTOR, address('10.9.9.9'));
    assert.equal(log.messages().length, 1);
    assert.match(log.messages()[0] ?? '', /10\.9\.9\.9 cannot be marked as our own \(EBADF\)/);
  });
});

function setUp(): { readonly kernel: Kernel; readonly log: MemoryLog; readonly traffic: OwnTraffic } {
  const kernel = kernelHere();
  assert.ok(typeof kernel !== 'string');
  const log = new MemoryLog();
  return { kernel, log, traffic: new OwnTraffic({ kernel, log }, [address('10.9.9.9')]) };
}
