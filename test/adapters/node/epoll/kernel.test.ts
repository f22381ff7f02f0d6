import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { isMainThread, Worker } from 'node:worker_threads';
import { once } from 'node:events';
import { kernelHere, loadKernel } from '../../../../src/adapters/node/epoll/kernel.ts';
import { SO_KEEPALIVE, SOL_SOCKET } from '../../../../src/adapters/node/epoll/socket-options.ts';
import type { Kernel } from '../../../../src/adapters/node/epoll/kernel.ts';

/** No descriptor has this number. */
const NO_DESCRIPTOR = -1;

describe('kernelHere', () => {
  const bytes = Buffer.alloc(28);
  const cases: Readonly<Record<string, (kernel: Kernel) => number>> = {
    accept: (kernel) => kernel.accept(NO_DESCRIPTOR, bytes),
    bind: (kernel) => kernel.bind(NO_DESCRIPTOR, bytes),
    connect: (kernel) => kernel.connect(NO_DESCRIPTOR, bytes),
    epollAdd: (kernel) => kernel.epollAdd(NO_DESCRIPTOR, NO_DESCRIPTOR, bytes),
    epollTake: (kernel) => kernel.epollTake(NO_DESCRIPTOR, bytes, 1),
    getBytes: (kernel) => kernel.getBytes(NO_DESCRIPTOR, SOL_SOCKET, SO_KEEPALIVE, bytes),
    getOption: (kernel) => kernel.getOption(NO_DESCRIPTOR, SOL_SOCKET, SO_KEEPALIVE),
    getsockname: (kernel) => kernel.getsockname(NO_DESCRIPTOR, bytes),
    listen: (kernel) => kernel.listen(NO_DESCRIPTOR, 1),
    recv: (kernel) => kernel.recv(NO_DESCRIPTOR, bytes, bytes.length),
    send: (kernel) => kernel.send(NO_DESCRIPTOR, bytes, bytes.length),
    setOption: (kernel) => kernel.setOption(NO_DESCRIPTOR, SOL_SOCKET, SO_KEEPALIVE, 1),
    shutdownWrite: (kernel) => kernel.shutdownWrite(NO_DESCRIPTOR),
    takeError: (kernel) => kernel.takeError(NO_DESCRIPTOR),
  };
  for (const [name, call] of Object.entries(cases)) {
    it(`answers ${name} with the negative error number when the descriptor is closed`, () => {
      const kernel = kernelHere();
      assert.ok(typeof kernel !== 'string');
      assert.equal(call(kernel), -constants.errno.EBADF);
    });
  }

  it('has none for a worker, whose loop libuv does not call the default one', async () => {
    assert.ok(isMainThread);
    const file = new URL('../../../../src/adapters/node/epoll/kernel.ts', import.meta.url);
    const program = `import { parentPort } from 'node:worker_threads';
      import { kernelHere } from ${JSON.stringify(file.href)};
      parentPort.postMessage(kernelHere());`;
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(program)}`));
    const [answer] = (await once(worker, 'message')) as unknown[];
    assert.equal(answer, 'this is not the main thread');
  });
});

describe('loadKernel', () => {
  const broken = (): never => {
    throw new Error('no build for this machine');
  };

  for (const { platform, message } of [
    { platform: 'darwin', message: 'darwin is not Linux' },
    { platform: 'linux', message: 'Error: no build for this machine' },
  ]) {
    it(`says why there are none on ${platform} without the library`, () => {
      assert.equal(loadKernel(platform, broken), message);
    });
  }
});
