import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
import { inNamespace } from '../in-namespace.ts';

describe('EpollListener', () => {
  it('sheds consumers while no descriptor is left, and accepts again when there is', async () => {
    const program = fileURLToPath(new URL('./few-descriptors.ts', import.meta.url));
    const limited = ['-c', 'ulimit -n 64; exec "$0" "$@"', process.execPath, program];
    const { stdout } = await run('sh', limited, { timeout: 9_000 });
    assert.deepEqual(JSON.parse(stdout), {
      before: 'ended',
      meanwhile: ['ended', 'ended', 'ended'],
      acceptedMeanwhile: 0,
      after: 'ended',
      accepted: 2,
    });
  });

  it('listens at an IPv6 address that its bridge does not let be used yet', async function () {
    this.timeout(30_000);
    const answer = await inNamespace(new URL('./early-listener.ts', import.meta.url), []);
    if ('skip' in answer) return this.skip();
    assert.deepEqual(answer.output, { isTentative: true, isReached: true });
  });
});
