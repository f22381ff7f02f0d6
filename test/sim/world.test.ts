import assert from 'node:assert/strict';
import { SimClock } from '../../sim/clock.ts';
import { SeededRandom } from '../../sim/random.ts';
import { Trace } from '../../sim/trace.ts';
import { World } from '../../sim/world.ts';
import { at } from '../support/addresses.ts';
import { descriptor, serviceName } from '../support/bindings.ts';
import { port } from '../support/endpoints.ts';
import { settle } from '../support/settle.ts';
import { endpointId } from '../../src/domain/endpoint.ts';
import type { CallOutcome } from '../../sim/call.ts';
import type { Endpoint } from '../../src/domain/endpoint.ts';

const SERVICE = serviceName('/services/prod/redis');
const HOST = at('10.1.0.1:6379');
const ENDPOINT: Endpoint = { id: endpointId(`${SERVICE}/1`), ...HOST, weight: 1, tags: undefined };

for (const sources of ['adapters', 'memory'] as const) {
  describe(`World with ${sources}`, () => {
    it('leads a bound port to its endpoint and refuses another', async () => {
      const { clock, world, call } = await start(sources);
      world.register(SERVICE, ENDPOINT, { ttlMs: undefined });
      const id = world.startContainer('web', [descriptor(`${SERVICE};6379`)]);
      await clock.advance(1_000);
      const [bound, unbound] = [call(id, 6_379), call(id, 80)];
      await clock.advance(1_000);
      assert.deepEqual(bound.outcome, {
        kind: 'reached',
        endpoint: '10.1.0.1:6379',
        reachedAtMs: bound.outcome?.kind === 'reached' ? bound.outcome.reachedAtMs : 0,
        isWhole: true,
      });
      assert.deepEqual(unbound.outcome, { kind: 'refused' });
      await end(clock, world);
    });

    it('[P04] [C10] lets nobody inherit an address before the end of its holder is told', async () => {
      const { clock, world, call } = await start(sources);
      world.register(SERVICE, ENDPOINT, { ttlMs: undefined });
      const old = world.startContainer('old', [descriptor(`${SERVICE};6379`)]);
      await clock.advance(1_000);
      world.stopContainer(old, { dieAfterMs: 5_000 });
      const young = world.startContainer('new', []);
      assert.deepEqual(
        world.residents.map((resident) => resident.address),
        ['172.17.0.2'],
        'the engine gives the address out again',
      );
      await clock.advance(1_000);
      const late = call(young, 6_379);
      await clock.advance(1_000);
      assert.deepEqual(late.outcome, { kind: 'refused' });
      await clock.advance(10_000);
      await end(clock, world);
    });

    it('knows when a lease expires', async () => {
      const { clock, world } = await start(sources);
      world.register(SERVICE, ENDPOINT, { ttlMs: 2_000 });
      await clock.advance(1_999);
      assert.equal(world.truth.endpointsOf(SERVICE).length, 1);
      await clock.advance(1);
      assert.equal(world.truth.endpointsOf(SERVICE).length, 0);
      await end(clock, world);
    });
  });
}

async function start(sources: 'adapters' | 'memory'): Promise<{
  readonly clock: SimClock;
  readonly world: World;
  readonly call: (id: string, portNumber: number) => { outcome: CallOutcome | undefined };
}> {
  const clock = new SimClock(settle);
  const trace = new Trace({ clock }, () => undefined);
  const bounds = { provider: 1_500, discovery: 1_500 };
  const world = new World({ clock, random: new SeededRandom(1), trace }, { sources, bounds });
  await world.addHost(HOST);
  await world.start();
  return {
    clock,
    world,
    call: (id, portNumber) => {
      const made: { outcome: CallOutcome | undefined } = { outcome: undefined };
      const onEnd = ({ outcome }: { readonly outcome: CallOutcome }): void => {
        made.outcome = outcome;
      };
      world.call(id, { port: port(portNumber), bytes: 10_000, pauseMs: 0, onEnd });
      return made;
    },
  };
}

async function end(clock: SimClock, world: World): Promise<void> {
  const stopping = world.stop();
  await clock.advance(10_000);
  await stopping;
  assert.equal(world.network.openConnections, 0);
  assert.equal(world.sources.openStreams(), 0);
  assert.equal(clock.pendingTimers, 0);
}
