import assert from 'node:assert/strict';
import { ConnectionLostError } from '../../src/ports/connection.ts';
import { DialError } from '../../src/ports/dialer.ts';
import { ListenError } from '../../src/ports/listener.ts';
import { connect, inWorld, readExactly, readToEnd } from '../support/tcp-world.ts';
import type { Connection } from '../../src/ports/connection.ts';
import type { TcpWorld } from '../support/tcp-world.ts';

const MANY = 50;

/** How many turns of the world a connection is given to be accepted. */
const TURNS = 200;

/**
 * Checks what the port promises of one listener.
 *
 * @param setup - A fresh world for each test.
 */
export function describeListenerContract(name: string, setup: () => Promise<TcpWorld>): void {
  const options = { timeoutMs: 1_000, signal: new AbortController().signal };

  describe(`${name} keeps the contract of Listener`, () => {
    it(
      'hands over each connection once, with its peer',
      inWorld(setup, async (world) => {
        const at = await world.freeAddress();
        const peers: number[] = [];
        const all = Promise.withResolvers<undefined>();
        await using listening = await world.listener.listen(at, (connection) => {
          peers.push(connection.peer.port);
          if (peers.length === MANY) all.resolve(undefined);
        });
        assert.deepEqual(listening.at, at);
        const dialled = await Promise.all(
          Array.from({ length: MANY }, async () => world.dialer.dial(at, options)),
        );
        await all.promise;
        await world.clock.advance(0);
        const ports = dialled.map((connection) => connection.local.port);
        assert.deepEqual(peers.toSorted(byNumber), ports.toSorted(byNumber));
      }),
    );

    it(
      'tells that an address is in use',
      inWorld(setup, async (world) => {
        const at = await world.freeAddress();
        await world.listener.listen(at, () => undefined);
        await assert.rejects(
          world.listener.listen(at, () => undefined),
          (error) => error instanceof ListenError && error.code === 'in-use',
        );
      }),
    );

    it(
      "tells that an address is not the host's",
      inWorld(setup, async (world) => {
        await assert.rejects(
          world.listener.listen(world.foreignAddress, () => undefined),
          (error) => error instanceof ListenError && error.code === 'no-address',
        );
      }),
    );

    it(
      'refuses once closed, and frees the port; a repeated close is a no-op',
      inWorld(setup, async (world) => {
        const at = await world.freeAddress();
        const listening = await world.listener.listen(at, () => undefined);
        await listening.close();
        await listening.close();
        await assert.rejects(
          world.dialer.dial(at, options),
          (error) => error instanceof DialError && error.code === 'refused',
        );
        const again = await world.listener.listen(at, () => undefined);
        await listening[Symbol.asyncDispose]();
        await world.dialer.dial(at, options);
        await again[Symbol.asyncDispose]();
      }),
    );

    it(
      'lets accepted connections go on when closed',
      inWorld(setup, async (world) => {
        // connect() closes its listener before it returns.
        const { dialled, accepted } = await connect(world);
        await dialled.write(Buffer.from('still here'));
        assert.equal((await readExactly(accepted, 10)).toString(), 'still here');
      }),
    );

    it(
      '[C5] lets a connection be refused by a reset before any byte',
      inWorld(setup, async (world) => {
        const at = await world.freeAddress();
        await world.listener.listen(at, (connection) => {
          connection.reset();
        });
        await assert.rejects(
          world.dialer.dial(at, options).then(readToEnd),
          (error) => codeOfRefusal(error) === 'ECONNRESET',
        );
      }),
    );

    it(
      'survives consumers that connect and vanish',
      inWorld(setup, async (world) => {
        const at = await world.freeAddress();
        const accepted = new Map<number, Connection>();
        await world.listener.listen(at, (connection) => {
          accepted.set(connection.peer.port, connection);
        });
        for (let count = 0; count < MANY; count += 1) {
          const dialled = await world.dialer.dial(at, options);
          dialled.reset();
          await dialled.closed;
        }
        const last = await world.dialer.dial(at, options);
        for (let turn = 0; turn < TURNS && !accepted.has(last.local.port); turn += 1) {
          await world.clock.advance(0);
        }
        // Those that were gone before they could be accepted need not be told of at all.
        for (const [port, connection] of accepted) {
          if (port !== last.local.port) await assert.rejects(connection.read(), ConnectionLostError);
        }
        const arrived = accepted.get(last.local.port);
        assert.ok(arrived !== undefined);
        await last.write(Buffer.from('ok'));
        assert.equal((await readExactly(arrived, 2)).toString(), 'ok');
      }),
    );
  });
}

/** A reset may overtake the dialler's own end of connecting: both are a refusal to a consumer. */
function codeOfRefusal(error: unknown): string | undefined {
  if (error instanceof ConnectionLostError) return error.code;
  return error instanceof DialError ? 'ECONNRESET' : undefined;
}

function byNumber(a: number, b: number): number {
  return a - b;
}
