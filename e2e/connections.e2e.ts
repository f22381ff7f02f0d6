import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { LoadEndpoint, visit, visitMany } from './support/load.ts';
import { LocalEmbassy } from './support/local-embassy.ts';
import { printProgress } from './support/progress.ts';
import { until } from './support/until.ts';
import type { Socket } from 'node:net';
import type { Manner } from './support/load.ts';

const MANNERS: readonly Manner[] = [
  'whole',
  'half-close',
  'reset',
  'vanish',
  'refused',
  'empty',
  'whole',
  'reset',
];

/** Until here the young generation of the heap grows to its full size; what follows is compared with it. */
const WARM_UP = 120_000;
const COMPARED = 50_000;
const AT_ONCE = 64;

/** What a garbage-collected process may differ by between two moments. */
const RSS_SLACK_KIB = 24 * 1024;

const HELD = 2_000;
const HELD_FOR_MS = 30_000;
const RSS_PER_CONNECTION_KIB = 24;

const SETTLE_TIMEOUT_MS = 15_000;

describe('connections through the daemon', function () {
  this.timeout(300_000);
  let stack: AsyncDisposableStack;
  const addresses = Array.from({ length: 8 }, (_, index) => `127.0.2.${index + 1}`);

  before(async () => {
    stack = new AsyncDisposableStack();
    for (const address of addresses) stack.use(await LoadEndpoint.start(address, 18_080));
  });

  after(async () => {
    await stack.disposeAsync();
  });

  it(`[D02] holds no more after ${COMPARED} connections than before them`, async () => {
    await using embassy = await start(18_100);
    const { files } = await embassy.held();
    const first = await visitMany(18_180, { count: WARM_UP, atOnce: AT_ONCE, manners: MANNERS });
    assert.deepEqual(first, outcomesOf(WARM_UP));
    const warm = await embassy.settle(files, SETTLE_TIMEOUT_MS);
    const rest = await visitMany(18_180, { count: COMPARED, atOnce: AT_ONCE, manners: MANNERS });
    assert.deepEqual(rest, outcomesOf(COMPARED));
    const last = await embassy.settle(files, SETTLE_TIMEOUT_MS);
    printProgress(`RSS ${warm.rssKib} KiB, and ${last.rssKib} KiB after ${COMPARED} connections more`);
    assert.equal(last.files, warm.files);
    assert.ok(last.rssKib - warm.rssKib < RSS_SLACK_KIB, `RSS grew by ${last.rssKib - warm.rssKib} KiB`);
  });

  it(`holds ${HELD} idle connections, in at most ${RSS_PER_CONNECTION_KIB} KiB each`, async () => {
    await using embassy = await start(18_200);
    const { files } = await embassy.held();
    await visitMany(18_280, { count: 2_000, atOnce: AT_ONCE, manners: ['whole'] });
    const before = await embassy.settle(files, SETTLE_TIMEOUT_MS);
    const sockets: Socket[] = [];
    try {
      for (let turn = 0; turn < HELD; turn += 1) {
        const socket = connect({
          host: '127.0.0.1',
          port: 18_280,
          localAddress: `127.0.1.${1 + (turn % 64)}`,
        });
        await once(socket, 'connect');
        sockets.push(socket);
      }
      let ended = 0;
      for (const socket of sockets) socket.on('close', () => (ended += 1));
      await new Promise((resolve) => setTimeout(resolve, HELD_FOR_MS));
      const held = await embassy.held();
      assert.equal(held.files - before.files, 2 * HELD);
      assert.equal(ended, 0, "an idle connection is nobody's to end");
      const eachKib = (held.rssKib - before.rssKib) / HELD;
      printProgress(`${HELD} idle connections: ${eachKib.toFixed(1)} KiB of RSS each`);
      assert.ok(eachKib <= RSS_PER_CONNECTION_KIB, `${eachKib.toFixed(1)} KiB each`);
      assert.equal(await visit(18_280, 'whole', 0), 'answered', 'others are served meanwhile');
    } finally {
      for (const socket of sockets) socket.destroy();
    }
    await embassy.settle(before.files, SETTLE_TIMEOUT_MS);
  });

  it('refuses what is over the files it may have, says so, and recovers', async () => {
    await using embassy = await start(18_300, { files: 512 });
    await embassy.waitForLog(/--max-connections=10000 needs 20256 open files .* at most 128/u, 1_000);
    const sockets: Socket[] = [];
    const outcomes: string[] = [];
    try {
      for (let turn = 0; turn < 300; turn += 1) {
        const socket = connect({ host: '127.0.0.1', port: 18_380 });
        sockets.push(socket);
        socket.on('error', (error: NodeJS.ErrnoException) => outcomes.push(error.code ?? ''));
        const connected = once(socket, 'connect');
        // Over the limit the reset may be there before it is seen that the connection was open.
        if (turn < 128) await connected;
        else await connected.catch(() => undefined);
      }
      await embassy.waitForLog(/limit of open connections \(128\) is reached/u, SETTLE_TIMEOUT_MS);
      assert.equal(await visit(18_380, 'whole', 0), 'ECONNRESET');
      // The last resets may be on their way still.
      await until(
        'all that is over the limit to be refused',
        () => outcomes.length >= 300 - 128 || undefined,
        {
          timeoutMs: SETTLE_TIMEOUT_MS,
          explain: async () => `${outcomes.length} were refused`,
        },
      );
      assert.deepEqual(
        new Set(outcomes),
        new Set(['ECONNRESET']),
        'refused by a reset, not closed in silence',
      );
    } finally {
      for (const socket of sockets) socket.destroy();
    }
    await embassy.waitForLog(/taken again: \d+ of at most 128 are open/u, SETTLE_TIMEOUT_MS);
    await embassy.settle(64, SETTLE_TIMEOUT_MS);
    assert.equal(await visit(18_380, 'whole', 0), 'answered');
  });

  it('drains open connections, cuts what is left, and ends at once on a second signal', async () => {
    for (const { signals, limitMs, said } of [
      { signals: 1, limitMs: 4_000, said: /1 open connection was cut after the drain/u },
      { signals: 2, limitMs: 1_500, said: /1 open connection was cut at once/u },
    ]) {
      await using embassy = await start(18_400, { extra: ['--drain=2s'] });
      const idle = connect({ host: '127.0.0.1', port: 18_480 });
      idle.on('error', () => undefined);
      await once(idle, 'connect');
      assert.equal(await visit(18_480, 'whole', 0), 'answered');
      const atMs = performance.now();
      for (let sent = 0; sent < signals; sent += 1) {
        embassy.signal('SIGTERM');
        await embassy.waitForLog(sent === 0 ? /SIGTERM: stopping/u : /SIGTERM again/u, SETTLE_TIMEOUT_MS);
      }
      assert.equal(await embassy.ended(), 0);
      const tookMs = performance.now() - atMs;
      assert.ok(tookMs < limitMs, `it took ${tookMs.toFixed(0)} ms`);
      assert.match(embassy.log, said);
      idle.destroy();
    }
  });

  async function start(
    offset: number,
    rest: { readonly files?: number; readonly extra?: readonly string[] } = {},
  ): Promise<LocalEmbassy> {
    return LocalEmbassy.start({
      endpoints: addresses.map((address) => `${address}:18080`),
      offset,
      ...rest,
    });
  }
});

/** What must become of so many connections, a multiple of the manners' count. */
function outcomesOf(count: number): Readonly<Record<string, number>> {
  const each = count / MANNERS.length;
  return { answered: 3 * each, ended: 4 * each, ECONNRESET: each };
}
