import assert from 'node:assert/strict';
import { createFastRelay } from '../../../../src/adapters/node/epoll/fast-relay.ts';
import { describeRelayContract } from '../../../contracts/relay.contract.ts';
import { nodeTcpWorld } from '../../../support/node-tcp-world.ts';
import { simTcpWorld } from '../../../support/sim-tcp-world.ts';
import { connect } from '../../../support/tcp-world.ts';
import type { Relay, RelayOutcome } from '../../../../src/ports/relay.ts';

const OPTIONS = { halfCloseTimeoutMs: 1_000, signal: new AbortController().signal };
const OUTCOME: RelayOutcome = { end: 'finished', toUpstream: 1, toDownstream: 2 };

describeRelayContract(
  'createFastRelay',
  async () => nodeTcpWorld('127.0.0.1', 'epoll'),
  ({ clock }) =>
    createFastRelay({
      clock,
      fallback: async () => {
        throw new Error('the fallback was used');
      },
    }),
);

describe('createFastRelay', () => {
  const fallback: Relay = async () => OUTCOME;

  const cases = [
    { name: 'connections that are not sockets', setup: simTcpWorld, reads: false },
    {
      name: "Node's own sockets",
      setup: async () => nodeTcpWorld('127.0.0.1', 'node'),
      reads: false,
    },
    { name: 'a socket on which a read waits', setup: nodeTcpWorld, reads: true },
  ];
  for (const { name, setup, reads } of cases) {
    it(`leaves ${name} to its fallback`, async () => {
      await using world = await setup();
      const [down, up] = [await connect(world), await connect(world)];
      const reading = reads ? assert.rejects(up.dialled.read()) : Promise.resolve();
      const relay = createFastRelay({ clock: world.clock, fallback });
      assert.equal(await relay(down.accepted, up.dialled, OPTIONS), OUTCOME);
      up.dialled.reset();
      await reading;
    });
  }
});
