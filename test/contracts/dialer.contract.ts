import assert from 'node:assert/strict';
import { DialError } from '../../src/ports/dialer.ts';
import { inWorld, readExactly } from '../support/tcp-world.ts';
import type { AcceptedConnection } from '../../src/ports/connection.ts';
import type { TcpWorld } from '../support/tcp-world.ts';

const TIMEOUT_MS = 2_000;

/**
 * Checks what the port promises of one dialer.
 *
 * @param setup - A fresh world for each test.
 */
export function describeDialerContract(name: string, setup: () => Promise<TcpWorld>): void {
  const { signal } = new AbortController();

  describe(`${name} keeps the contract of Dialer`, () => {
    it(
      'connects, and leaves no timer',
      inWorld(setup, async (world) => {
        const at = await world.freeAddress();
        const arrived = Promise.withResolvers<AcceptedConnection>();
        await world.listener.listen(at, arrived.resolve);
        const dialled = await world.dialer.dial(at, { timeoutMs: TIMEOUT_MS, signal });
        assert.deepEqual(dialled.peer, at);
        assert.equal(world.clock.pendingTimers, 0);
        await (await arrived.promise).write(Buffer.from('hello'));
        assert.equal((await readExactly(dialled, 5)).toString(), 'hello');
      }),
    );

    it(
      '[P36] tells a refusal at once, so that another endpoint may be tried',
      inWorld(setup, async (world) => {
        const at = await world.freeAddress();
        await assert.rejects(
          world.dialer.dial(at, { timeoutMs: TIMEOUT_MS, signal }),
          (error) => error instanceof DialError && error.code === 'refused',
        );
        assert.equal(world.clock.pendingTimers, 0);
      }),
    );

    it(
      'gives up on an endpoint that does not answer when the time limit has passed, not before',
      inWorld(setup, async (world) => {
        const at = await world.silentAddress();
        let failed = false;
        const dialling = assert.rejects(
          world.dialer.dial(at, { timeoutMs: TIMEOUT_MS, signal }).finally(() => {
            failed = true;
          }),
          (error) => error instanceof DialError && error.code === 'timeout',
        );
        await world.clock.advance(TIMEOUT_MS - 1);
        assert.equal(failed, false);
        await world.clock.advance(1);
        await dialling;
        assert.equal(world.clock.pendingTimers, 0);
      }),
    );

    it(
      'tells an endpoint to which no way leads',
      inWorld(setup, async (world, context) => {
        if (world.unreachableAddress === undefined) return context.skip();
        const dialling = assert.rejects(
          world.dialer.dial(world.unreachableAddress, { timeoutMs: 60_000, signal }),
          (error) => error instanceof DialError && error.code === 'unreachable',
        );
        await world.clock.advance(10_000);
        await dialling;
      }),
    );

    it(
      'rejects with the reason when it is aborted before, and dials nobody',
      inWorld(setup, async (world) => {
        const at = await world.freeAddress();
        let accepted = 0;
        await world.listener.listen(at, () => {
          accepted += 1;
        });
        const reason = new Error('no longer wanted');
        const aborted = AbortSignal.abort(reason);
        await assert.rejects(world.dialer.dial(at, { timeoutMs: TIMEOUT_MS, signal: aborted }), reason);
        await world.clock.advance(0);
        assert.equal(accepted, 0);
        assert.equal(world.clock.pendingTimers, 0);
      }),
    );

    it(
      'rejects with the reason when it is aborted meanwhile, and leaves no timer',
      inWorld(setup, async (world) => {
        const at = await world.silentAddress();
        const abort = new AbortController();
        const reason = new Error('no longer wanted');
        const dialling = assert.rejects(
          world.dialer.dial(at, { timeoutMs: TIMEOUT_MS, signal: abort.signal }),
          reason,
        );
        await world.clock.advance(1);
        abort.abort(reason);
        await dialling;
        assert.equal(world.clock.pendingTimers, 0);
      }),
    );

    it(
      'leaves nothing open when it is aborted just as the endpoint answers',
      inWorld(setup, async (world) => {
        const at = await world.freeAddress();
        const accepted: AcceptedConnection[] = [];
        await world.listener.listen(at, (connection) => {
          accepted.push(connection);
        });
        const abort = new AbortController();
        const reason = new Error('no longer wanted');
        const dialling = world.dialer.dial(at, { timeoutMs: TIMEOUT_MS, signal: abort.signal });
        abort.abort(reason);
        // It may have been too late to abort.
        await dialling.then(
          (connection) => {
            connection.close();
          },
          (error: unknown) => {
            assert.equal(error, reason);
          },
        );
        await world.clock.advance(0);
        for (const connection of accepted) {
          await connection.read().catch(() => undefined);
          connection.close();
          await connection.closed;
        }
      }),
    );
  });
}
