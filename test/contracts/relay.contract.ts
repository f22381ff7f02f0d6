import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ConnectionLostError } from '../../src/ports/connection.ts';
import { connect, digest, inWorld, pattern } from '../support/tcp-world.ts';
import { readExactly, readToEnd, writeAndEnd } from '../support/tcp-world.ts';
import type { AcceptedConnection, Connection } from '../../src/ports/connection.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Relay, RelayOutcome } from '../../src/ports/relay.ts';
import type { TcpWorld } from '../support/tcp-world.ts';

const TEN_MB = 10_000_000;
const HALF_CLOSE_TIMEOUT_MS = 1_000;

/** How many turns of the world bytes are given to run ahead of a reader that does not read. */
const TURNS = 200;

/** Random exchanges per run; each makes two connections. */
const EXCHANGES = 40;

/** A relay under way between a consumer and an endpoint. */
interface Relayed {
  readonly consumer: Connection;
  readonly endpoint: AcceptedConnection;
  readonly abort: AbortController;
  readonly outcome: Promise<RelayOutcome>;
}

/** What one side of a random exchange does: chunks of these sizes, after so many turns each, then its end. */
interface Script {
  readonly chunks: readonly number[];
  /** Ends its direction only when it has read the other's end. */
  readonly endsLast: boolean;
}

/**
 * Checks what the port promises of one relay on one kind of connection.
 *
 * @param setup - A fresh world for each test.
 * @param makeRelay - The relay, timed by the world's clock.
 */
export function describeRelayContract(
  name: string,
  setup: () => Promise<TcpWorld>,
  makeRelay: (dependencies: { readonly clock: Clock }) => Relay,
): void {
  /** A consumer and an endpoint, each connected to the relay. */
  async function start(world: TcpWorld): Promise<Relayed> {
    const [down, up] = [await connect(world), await connect(world)];
    const abort = new AbortController();
    const options = { halfCloseTimeoutMs: HALF_CLOSE_TIMEOUT_MS, signal: abort.signal };
    const outcome = makeRelay(world)(down.accepted, up.dialled, options);
    return { consumer: down.dialled, endpoint: up.accepted, abort, outcome };
  }

  function relayed(run: (relayed: Relayed, world: TcpWorld) => Promise<void>): Mocha.AsyncFunc {
    return inWorld(setup, async (world) => {
      const under = await start(world);
      await run(under, world);
      await under.outcome;
      assert.equal(world.clock.pendingTimers, 0, 'no timer is left');
    });
  }

  describe(`${name} keeps the contract of Relay`, () => {
    it(
      'moves 10 MB both ways at once and counts them',
      relayed(async ({ consumer, endpoint, outcome }) => {
        const [request, answer] = [pattern(TEN_MB, 1), pattern(TEN_MB + 1, 2)];
        const [, , gotRequest, gotAnswer] = await Promise.all([
          writeAndEnd(consumer, request),
          writeAndEnd(endpoint, answer, 9_001),
          readToEnd(endpoint),
          readToEnd(consumer),
        ]);
        assert.deepEqual([gotRequest, gotAnswer], [digest(request), digest(answer)]);
        assert.deepEqual(await outcome, { end: 'finished', toUpstream: TEN_MB, toDownstream: TEN_MB + 1 });
      }),
    );

    for (const first of ['consumer', 'endpoint'] as const) {
      it(
        `[P20] passes on the end of the ${first}, then 10 MB the other way`,
        relayed(async ({ consumer, endpoint, outcome }) => {
          const [ender, streamer] = first === 'consumer' ? [consumer, endpoint] : [endpoint, consumer];
          await writeAndEnd(ender, Buffer.from('request'));
          assert.equal((await readExactly(streamer, 7)).toString(), 'request');
          assert.equal(await streamer.read(), undefined);
          const stream = pattern(TEN_MB, 3);
          const [, got] = await Promise.all([writeAndEnd(streamer, stream), readToEnd(ender)]);
          assert.deepEqual(got, digest(stream));
          assert.equal((await outcome).end, 'finished');
        }),
      );

      it(
        `holds back the ${first} while the other side does not read, and loses nothing`,
        relayed(async ({ consumer, endpoint, outcome }, world) => {
          const [writer, reader] = first === 'consumer' ? [consumer, endpoint] : [endpoint, consumer];
          // Held on both connections.
          const bytes = pattern(5 * world.heldBytesMax, 4);
          let done = false;
          const writing = writeAndEnd(writer, bytes).then(() => {
            done = true;
          });
          for (let turn = 0; turn < TURNS; turn += 1) await world.clock.advance(0);
          assert.equal(done, false, 'the writer must wait for the reader');
          assert.deepEqual(await readToEnd(reader), digest(bytes));
          await writing;
          reader.shutdownWrite();
          assert.equal(await writer.read(), undefined);
          assert.equal((await outcome).end, 'finished');
        }),
      );

      it(
        `resets the other side when the ${first} resets, and counts what it moved`,
        relayed(async ({ consumer, endpoint, outcome }) => {
          const [loser, other] = first === 'consumer' ? [consumer, endpoint] : [endpoint, consumer];
          await loser.write(Buffer.from('abc'));
          await readExactly(other, 3);
          loser.reset();
          await assertReset(other);
          const [toUpstream, toDownstream] = first === 'consumer' ? [3, 0] : [0, 3];
          assert.deepEqual(await outcome, { end: 'reset', toUpstream, toDownstream });
        }),
      );

      it(
        `resets the ${first} when the other side does so while bytes are held back`,
        relayed(async ({ consumer, endpoint, outcome }, world) => {
          const [writer, reader] = first === 'consumer' ? [consumer, endpoint] : [endpoint, consumer];
          const writing = assert.rejects(
            writeAndEnd(writer, new Uint8Array(5 * world.heldBytesMax)),
            ConnectionLostError,
          );
          for (let turn = 0; turn < TURNS; turn += 1) await world.clock.advance(0);
          reader.reset();
          await writing;
          assert.equal((await outcome).end, 'reset');
        }),
      );

      it(
        `[P21] cuts a connection that is silent for the half-close timeout after the ${first} ended`,
        relayed(async ({ consumer, endpoint, outcome }, world) => {
          const [ender, other] = first === 'consumer' ? [consumer, endpoint] : [endpoint, consumer];
          ender.shutdownWrite();
          assert.equal(await other.read(), undefined);
          await world.clock.advance(HALF_CLOSE_TIMEOUT_MS - 1);
          await other.write(Buffer.from('x'));
          await readExactly(ender, 1);
          await world.clock.advance(HALF_CLOSE_TIMEOUT_MS - 1);
          await other.write(Buffer.from('y'));
          await readExactly(ender, 1);
          await world.clock.advance(HALF_CLOSE_TIMEOUT_MS);
          assert.equal((await outcome).end, 'half-close timeout');
          await assertReset(ender);
        }),
      );
    }

    it(
      '[P21] takes bytes that nobody reads for silence',
      relayed(async ({ consumer, endpoint, outcome }, world) => {
        const sending = assert.rejects(
          writeAndEnd(endpoint, new Uint8Array(5 * world.heldBytesMax)),
          ConnectionLostError,
        );
        consumer.shutdownWrite();
        for (let turn = 0; turn < TURNS; turn += 1) await world.clock.advance(0);
        await world.clock.advance(2 * HALF_CLOSE_TIMEOUT_MS);
        assert.equal((await outcome).end, 'half-close timeout');
        await sending;
        await assertReset(consumer);
      }),
    );

    it(
      'lets a connection whose directions are both open be silent for ever',
      relayed(async ({ consumer, endpoint, outcome }, world) => {
        await consumer.write(Buffer.from('a'));
        await readExactly(endpoint, 1);
        await world.clock.advance(1_000 * HALF_CLOSE_TIMEOUT_MS);
        await endpoint.write(Buffer.from('b'));
        await readExactly(consumer, 1);
        consumer.close();
        endpoint.close();
        assert.deepEqual(await outcome, { end: 'finished', toUpstream: 1, toDownstream: 1 });
      }),
    );

    it(
      'resets both sides when aborted',
      relayed(async ({ consumer, endpoint, outcome, abort }) => {
        await consumer.write(Buffer.from('ab'));
        await readExactly(endpoint, 2);
        abort.abort(new Error('enough'));
        await Promise.all([assertReset(consumer), assertReset(endpoint)]);
        assert.deepEqual(await outcome, { end: 'aborted', toUpstream: 2, toDownstream: 0 });
      }),
    );

    it(
      'resets both sides when aborted with an end that waits behind bytes nobody reads',
      relayed(async ({ consumer, endpoint, outcome, abort }, world) => {
        await writeAndEnd(consumer, pattern(world.heldBytesMax / 4, 6));
        for (let turn = 0; turn < TURNS; turn += 1) await world.clock.advance(0);
        abort.abort(new Error('enough'));
        assert.equal((await outcome).end, 'aborted');
        await Promise.all([assertReset(consumer), assertReset(endpoint)]);
      }),
    );

    it(
      'moves nothing when it was aborted before',
      inWorld(setup, async (world) => {
        const [down, up] = [await connect(world), await connect(world)];
        await down.dialled.write(Buffer.from('early'));
        const signal = AbortSignal.abort(new Error('enough'));
        const relay = makeRelay(world);
        const outcome = await relay(down.accepted, up.dialled, {
          halfCloseTimeoutMs: HALF_CLOSE_TIMEOUT_MS,
          signal,
        });
        assert.deepEqual(outcome, { end: 'aborted', toUpstream: 0, toDownstream: 0 });
        await Promise.all([assertReset(down.dialled), assertReset(up.accepted)]);
      }),
    );

    it(
      'ends at once when a consumer has vanished before it began',
      inWorld(setup, async (world) => {
        const [down, up] = [await connect(world), await connect(world)];
        down.dialled.reset();
        await down.dialled.closed;
        const { signal } = new AbortController();
        const options = { halfCloseTimeoutMs: HALF_CLOSE_TIMEOUT_MS, signal };
        assert.equal((await makeRelay(world)(down.accepted, up.dialled, options)).end, 'reset');
        await assertReset(up.accepted);
      }),
    );

    it(
      'loses nothing that was read from a side, or sent to it, before it began',
      inWorld(setup, async (world) => {
        const [down, up] = [await connect(world), await connect(world)];
        await down.dialled.write(Buffer.from('peeked'));
        await readExactly(down.accepted, 6);
        await down.dialled.write(Buffer.from(' and the rest'));
        down.dialled.shutdownWrite();
        await up.dialled.write(Buffer.from('preface:'));
        const { signal } = new AbortController();
        const options = { halfCloseTimeoutMs: HALF_CLOSE_TIMEOUT_MS, signal };
        const outcome = makeRelay(world)(down.accepted, up.dialled, options);
        assert.equal((await readExactly(up.accepted, 21)).toString(), 'preface: and the rest');
        up.accepted.close();
        assert.deepEqual(await outcome, { end: 'finished', toUpstream: 13, toDownstream: 0 });
      }),
    );

    it('delivers every exchange whole, however it is cut up and whoever ends first', async () => {
      await using world = await setup();
      const script = fc.record({
        chunks: fc.array(fc.nat({ max: 150_000 }), { maxLength: 6 }),
        endsLast: fc.boolean(),
      });
      await fc.assert(
        fc.asyncProperty(script, script, async (consumerScript, endpointScript) => {
          const { consumer, endpoint, outcome } = await start(world);
          const bothWait = consumerScript.endsLast && endpointScript.endsLast;
          const [gotAnswer, gotRequest] = await Promise.all([
            play(consumer, consumerScript, 1),
            play(endpoint, bothWait ? { ...endpointScript, endsLast: false } : endpointScript, 2),
          ]);
          const [request, answer] = [bytesOf(consumerScript, 1), bytesOf(endpointScript, 2)];
          assert.deepEqual([gotRequest, gotAnswer], [digest(request), digest(answer)]);
          assert.deepEqual(await outcome, {
            end: 'finished',
            toUpstream: request.length,
            toDownstream: answer.length,
          });
        }),
        { numRuns: EXCHANGES },
      );
    });
  });
}

/** Writes and reads at once as the script says; gives what was read. */
async function play(connection: Connection, script: Script, salt: number): Promise<unknown> {
  const reading = readToEnd(connection);
  const bytes = bytesOf(script, salt);
  let from = 0;
  for (const size of script.chunks) {
    if (size > 0) await connection.write(bytes.subarray(from, from + size));
    from += size;
  }
  if (script.endsLast) await reading;
  connection.shutdownWrite();
  return reading;
}

function bytesOf(script: Script, salt: number): Buffer {
  return pattern(
    script.chunks.reduce((sum, size) => sum + size, 0),
    salt,
  );
}

/** Reads what had arrived before, then the reset. */
async function assertReset(connection: Connection): Promise<void> {
  await assert.rejects(
    readToEnd(connection),
    (error) => error instanceof ConnectionLostError && error.code === 'ECONNRESET',
  );
  await connection.closed;
}
