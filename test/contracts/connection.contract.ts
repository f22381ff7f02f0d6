import assert from 'node:assert/strict';
import { ConnectionLostError } from '../../src/ports/connection.ts';
import { connect, digest, inWorld, pattern } from '../support/tcp-world.ts';
import { readExactly, readToEnd, writeAndEnd } from '../support/tcp-world.ts';
import type { Connection } from '../../src/ports/connection.ts';
import type { TcpWorld } from '../support/tcp-world.ts';

/** More than any world holds, so that both sides must take part. */
const LONG = 16_000_000;

/** How many turns of the world a writer is given to run ahead of a reader that does not read. */
const TURNS = 200;

/** A write that is not heard of again within so many chunks was not held back by a lost connection. */
const WRITES_MAX = 1_000;

/**
 * Checks what the port promises on one kind of connection.
 *
 * @param setup - A fresh world for each test.
 */
export function describeConnectionContract(name: string, setup: () => Promise<TcpWorld>): void {
  describe(`${name} keeps the contract of Connection`, () => {
    it(
      'carries bytes both ways at once, in order and whole',
      inWorld(setup, async (world) => {
        const { dialled, accepted } = await connect(world);
        const [forth, back] = [pattern(LONG, 1), pattern(LONG, 2)];
        const [, , gotForth, gotBack] = await Promise.all([
          writeAndEnd(dialled, forth),
          writeAndEnd(accepted, back, 7_001),
          readToEnd(accepted),
          readToEnd(dialled),
        ]);
        assert.deepEqual([gotForth, gotBack], [digest(forth), digest(back)]);
        await Promise.all([dialled.closed, accepted.closed]);
      }),
    );

    it(
      '[P20] goes on in one direction when the other has ended, and tells the end again',
      inWorld(setup, async (world) => {
        const { dialled, accepted } = await connect(world);
        dialled.shutdownWrite();
        dialled.shutdownWrite();
        assert.equal(await accepted.read(), undefined);
        assert.equal(await accepted.read(), undefined, 'the end is told again');
        const back = pattern(100_000, 3);
        const [, got] = await Promise.all([writeAndEnd(accepted, back), readToEnd(dialled)]);
        assert.deepEqual(got, digest(back));
        assert.equal(await dialled.read(), undefined, 'the end is told again when all has ended');
        await Promise.all([dialled.closed, accepted.closed]);
      }),
    );

    it(
      'holds the writer back while the reader does not read',
      inWorld(setup, async (world) => {
        const { dialled, accepted } = await connect(world);
        const bytes = pattern(2 * world.heldBytesMax, 4);
        const progress = { written: 0, read: 0 };
        const writing = writeWatched(dialled, bytes, () => {
          progress.written += 1_000;
          assert.ok(progress.written - progress.read <= world.heldBytesMax, 'the writer ran ahead');
        });
        for (let turn = 0; turn < TURNS; turn += 1) await world.clock.advance(0);
        assert.ok(progress.written < bytes.length, 'the writer must wait for the reader');
        for (let chunk = await accepted.read(); chunk !== undefined; chunk = await accepted.read()) {
          progress.read += chunk.length;
        }
        await writing;
        assert.equal(progress.read, bytes.length);
      }),
    );

    it(
      'leaves a chunk to its reader until the next read, whatever arrives elsewhere',
      inWorld(setup, async (world) => {
        const [one, other] = [await connect(world), await connect(world)];
        await one.dialled.write(Buffer.from('first'));
        const chunk = await one.accepted.read();
        await other.dialled.write(Buffer.from('other'));
        await other.accepted.read();
        assert.equal(Buffer.from(chunk ?? []).toString(), 'first');
      }),
    );

    it(
      "leaves a written chunk's memory to its writer once the write has settled",
      inWorld(setup, async (world) => {
        const { dialled, accepted } = await connect(world);
        const all = pattern(LONG, 5);
        const memory = Buffer.alloc(1_000_000);
        const writing = (async () => {
          for (let from = 0; from < LONG; from += memory.length) {
            all.copy(memory, 0, from);
            await dialled.write(memory);
            memory.fill(0xff);
          }
          dialled.shutdownWrite();
        })();
        for (let turn = 0; turn < TURNS; turn += 1) await world.clock.advance(0);
        assert.deepEqual(await readToEnd(accepted), digest(all));
        await writing;
      }),
    );

    it(
      'passes on all that was written before close, then ends both directions',
      inWorld(setup, async (world) => {
        const { dialled, accepted } = await connect(world);
        await dialled.write(Buffer.from('farewell'));
        dialled.close();
        dialled.close();
        assert.equal((await readExactly(accepted, 8)).toString(), 'farewell');
        assert.equal(await accepted.read(), undefined);
        await assert.rejects(dialled.read(), ConnectionLostError);
        accepted.close();
        await Promise.all([dialled.closed, accepted.closed]);
      }),
    );

    it(
      'ends a waiting read when this side closes',
      inWorld(setup, async (world) => {
        const { dialled } = await connect(world);
        const reading = assert.rejects(dialled.read(), ConnectionLostError);
        dialled.close();
        await reading;
      }),
    );

    it(
      'tells a reset to the peer, whose reads and writes fail from then on',
      inWorld(setup, async (world) => {
        const { dialled, accepted } = await connect(world);
        const reading = assert.rejects(
          dialled.read(),
          (error) => error instanceof ConnectionLostError && error.code === 'ECONNRESET',
        );
        accepted.reset();
        accepted.reset();
        accepted.close();
        await reading;
        await Promise.all([dialled.closed, accepted.closed]);
        await assert.rejects(dialled.read(), ConnectionLostError);
        await assert.rejects(dialled.write(Buffer.from('x')), ConnectionLostError);
        dialled.shutdownWrite();
        dialled.close();
        dialled.reset();
      }),
    );

    it(
      'fails its own waiting read and later calls when this side resets',
      inWorld(setup, async (world) => {
        const { dialled } = await connect(world);
        const reading = assert.rejects(dialled.read(), ConnectionLostError);
        dialled.reset();
        await reading;
        await assert.rejects(dialled.read(), ConnectionLostError);
        await assert.rejects(dialled.write(Buffer.from('x')), ConnectionLostError);
        await dialled.closed;
      }),
    );

    it(
      'fails a writer whose peer has reset, though it never reads',
      inWorld(setup, async (world) => {
        const { dialled, accepted } = await connect(world);
        accepted.reset();
        await assert.rejects(async () => {
          for (let count = 0; count < WRITES_MAX; count += 1) await dialled.write(Buffer.from('x'));
        }, ConnectionLostError);
        await dialled.closed;
      }),
    );

    for (const who of ['the peer', 'this side'] as const) {
      it(
        `fails a write that is held back when ${who} resets`,
        inWorld(setup, async (world) => {
          const { dialled, accepted } = await connect(world);
          const writing = assert.rejects(
            writeWatched(dialled, new Uint8Array(2 * world.heldBytesMax), () => undefined),
            ConnectionLostError,
          );
          for (let turn = 0; turn < TURNS; turn += 1) await world.clock.advance(0);
          (who === 'the peer' ? accepted : dialled).reset();
          await writing;
          if (who === 'this side') await assert.rejects(readToEnd(accepted), ConnectionLostError);
          await Promise.all([dialled.closed, accepted.closed]);
        }),
      );
    }

    it(
      'resets what closes, though its end still waits behind bytes that nobody reads',
      inWorld(setup, async (world) => {
        const { dialled, accepted } = await connect(world);
        const writing = assert.rejects(
          dialled.write(new Uint8Array(2 * world.heldBytesMax)),
          ConnectionLostError,
        );
        dialled.shutdownWrite();
        for (let turn = 0; turn < TURNS; turn += 1) await world.clock.advance(0);
        dialled.reset();
        await Promise.all([writing, dialled.closed]);
        await assert.rejects(readToEnd(accepted), ConnectionLostError);
        await accepted.closed;
      }),
    );

    it(
      'names both sides alike from both ends',
      inWorld(setup, async (world) => {
        const { dialled, accepted } = await connect(world);
        assert.deepEqual(accepted.peer, dialled.local);
        assert.deepEqual(accepted.local, dialled.peer);
      }),
    );

    it(
      'gives its own address as original destination where no rule led it here',
      inWorld(setup, async (world) => {
        const { accepted } = await connect(world);
        assert.deepEqual(accepted.originalDestination(), accepted.local);
      }),
    );
  });
}

/** Writes in small chunks and tells of each that the connection took; ends writing after the last. */
async function writeWatched(connection: Connection, bytes: Uint8Array, taken: () => void): Promise<void> {
  for (let from = 0; from < bytes.length; from += 1_000) {
    await connection.write(bytes.subarray(from, from + 1_000));
    taken();
  }
  connection.shutdownWrite();
}
