import assert from 'node:assert/strict';
import { mkdtemp, readFile, readdir, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryLog } from '../../../sim/log.ts';
import { MemoryMetrics } from '../../../sim/metrics.ts';
import { AccessLogError, AccessLogFile } from '../../../src/adapters/access-log/client.ts';
import { at } from '../../support/addresses.ts';
import type { AccessRecord } from '../../../src/ports/access-log.ts';

const REFUSED: AccessRecord = {
  acceptedAtMs: 0,
  durationMs: 0,
  source: at('172.17.0.2:49152'),
  destination: undefined,
  consumerName: undefined,
  service: undefined,
  endpoint: undefined,
  dials: 0,
  dialMs: 0,
  bytesToEndpoint: 0,
  bytesToConsumer: 0,
  outcome: { kind: 'refused', reason: 'unbound' },
};

/** A device on which nothing can be written. */
const FULL_DISK = '/dev/full';

describe('AccessLogFile', () => {
  let directory: string;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'embassy-access-log-'));
  });

  after(async () => {
    await rm(directory, { recursive: true });
  });

  it('appends to what is there, and has written everything once it is closed', async () => {
    const path = join(directory, 'appended');
    await writeFile(path, 'earlier\n');
    {
      await using file = AccessLogFile.open(dependencies(), path);
      for (let n = 0; n < 1_000; n += 1) file.write({ ...REFUSED, durationMs: n });
    }
    const [first, ...lines] = (await readFile(path, 'utf8')).trimEnd().split('\n');
    assert.equal(first, 'earlier');
    assert.deepEqual(
      lines.map((line) => (JSON.parse(line) as { durationMs: number }).durationMs),
      Array.from({ length: 1_000 }, (_, n) => n),
    );
  });

  it('says which file cannot be opened, and what to do', () => {
    const path = join(directory, 'none', 'such');
    assert.throws(
      () => AccessLogFile.open(dependencies(), path),
      (error) => {
        assert.ok(error instanceof AccessLogError);
        assert.ok(error.message.startsWith(`the access log ${path} cannot be opened (ENOENT`));
        assert.match(error.message, /give --access-log a file in a directory that exists/);
        return true;
      },
    );
  });

  it('says once that the disk takes nothing, and neither throws nor waits for ever', async () => {
    const { log, metrics } = dependencies();
    {
      await using file = AccessLogFile.open({ log, metrics }, FULL_DISK);
      for (let n = 0; n < 100; n += 1) file.write(REFUSED);
    }
    assert.equal(log.messages('error').length, 1);
    assert.match(log.messages('error')[0] ?? '', /^the access log \/dev\/full cannot be written: ENOSPC/);
    const held = await Promise.all(
      (await readdir('/proc/self/fd')).map(async (fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
    );
    assert(!held.includes(FULL_DISK), 'a file that is open would be tried again, and keep the process');
  });

  it('drops and counts what a disk that is too slow leaves behind', async () => {
    const { log, metrics } = dependencies();
    const path = join(directory, 'slow');
    {
      await using file = AccessLogFile.open({ log, metrics }, path);
      for (let n = 0; n < 40_000; n += 1) file.write(REFUSED);
    }
    const written = (await readFile(path, 'utf8')).split('\n').length - 1;
    assert.ok(metrics.count('limit access-log-backlog') > 0);
    assert.equal(written + metrics.count('limit access-log-backlog'), 40_000);
  });
});

function dependencies(): { readonly log: MemoryLog; readonly metrics: MemoryMetrics } {
  return { log: new MemoryLog(), metrics: new MemoryMetrics() };
}
