import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { SocketCallsUnavailableError, loadSocketCalls } from '../../../src/adapters/node/socket-calls.ts';
import { socketCalls } from '../../../src/adapters/node/socket-calls.ts';

/** No descriptor has this number; SOL_SOCKET with SO_KEEPALIVE. */
const NO_DESCRIPTOR = -1;
const OPTION = { level: 1, name: 9 };

describe('socketCalls', () => {
  const calls = socketCalls();

  it('answers with the error number when the descriptor is closed', () => {
    const { EBADF } = constants.errno;
    assert.equal(calls.getOption(NO_DESCRIPTOR, OPTION, new Uint8Array(4)), EBADF);
    assert.equal(calls.setOption(NO_DESCRIPTOR, OPTION, 1), EBADF);
    assert.equal(calls.resetOnClose(NO_DESCRIPTOR), EBADF);
  });

  it('sends nothing to a descriptor that is closed', () => {
    assert.ok(calls.send(NO_DESCRIPTOR, new Uint8Array(1), 1) < 0);
  });
});

describe('loadSocketCalls', () => {
  const broken = (): never => {
    throw new Error('no build for this machine');
  };

  for (const { platform, message } of [
    { platform: 'darwin', message: /darwin is not Linux/ },
    { platform: 'linux', message: /no build for this machine/ },
  ]) {
    it(`says why there are none on ${platform} without the library`, () => {
      const answer = loadSocketCalls(platform, broken);
      assert.ok(answer instanceof SocketCallsUnavailableError);
      assert.match(answer.message, message);
    });
  }
});
