import assert from 'node:assert/strict';
import fc from 'fast-check';
import { DockerWorld } from '../../support/docker-world.ts';
import { computeBindings } from '../../../src/app/compute-bindings.ts';
import { DockerAnswerError } from '../../../src/adapters/docker/docker-client.ts';
import { RESYNC_DEFAULT_MS } from '../../../src/adapters/docker/docker-provider.ts';
import type { ProviderWatch } from '../../support/provider-watch.ts';

/** The longest that an answer of the engine travels in these runs. */
const TRAVEL_MAX_MS = 30;

/** Past the second list that follows a subscription. */
const SETTLED_MS = 2_000;

/** A step of a run: what happens to one of a few containers, and how much time passes after it. */
const step = fc.record({
  verb: fc.constantFrom('start', 'start', 'start', 'beginExit', 'finishExit', 'replace', 'connect', 'leave'),
  container: fc.integer({ min: 0, max: 3 }),
  passMs: fc.constantFrom(0, 0, 1, 7, 40, 400),
});

const run = fc.record({
  steps: fc.array(step, { minLength: 8, maxLength: 40 }),
  eventLoss: fc.constantFrom(0, 0.3, 1),
  eventDelayMs: fc.integer({ min: 0, max: TRAVEL_MAX_MS }),
  inspectDelayMs: fc.integer({ min: 0, max: TRAVEL_MAX_MS }),
  listDelayMs: fc.integer({ min: 0, max: TRAVEL_MAX_MS }),
  seed: fc.integer(),
});

/** A world with four containers on two networks, driven by steps. */
class Reuse {
  readonly world: DockerWorld;
  readonly #ids: string[] = [];
  #made = 0;

  constructor(faults: { readonly seed: number; readonly eventLoss: number }) {
    this.world = new DockerWorld({ seed: faults.seed });
    this.world.engine.createNetwork('other');
    for (let index = 0; index < 4; index += 1) this.#ids.push(this.#make());
  }

  apply({ verb, container }: { readonly verb: string; readonly container: number }): void {
    const { engine } = this.world;
    const id = this.#ids[container] ?? '';
    if (verb === 'start') engine.start(id);
    else if (verb === 'beginExit') engine.beginExit(id);
    else if (verb === 'finishExit') engine.finishExit(id);
    else if (verb === 'connect') engine.connect('other', id);
    else if (verb === 'leave') engine.disconnect('other', id);
    else {
      engine.remove(id);
      this.#ids[container] = this.#make();
    }
  }

  #make(): string {
    this.#made += 1;
    return this.world.engine.create({ name: `c${this.#made}`, env: [`BACKEND_X=/svc/c${this.#made};80`] });
  }
}

describe('createDockerProvider with reused addresses', () => {
  it('[P04][C10] never tells one address of two containers, nor a wish of another', async () => {
    await fc.assert(
      fc.asyncProperty(run, async ({ steps, seed, ...faults }) => {
        const reuse = new Reuse({ seed, eventLoss: faults.eventLoss });
        const { world } = reuse;
        Object.assign(world.engine.faults, faults);
        const watch = await world.watch();
        await world.clock.advance(SETTLED_MS);
        for (const each of steps) {
          reuse.apply(each);
          await world.clock.advance(each.passMs);
          checkOneOwner(watch);
        }
        await watch.stop();
        await world.clock.advance(TRAVEL_MAX_MS);
        assert.equal(world.held, 0);
      }),
      { numRuns: 150 },
    );
  });

  it('[P04][P09] tells exactly what runs at the latest one resync later, whatever was lost', async () => {
    await fc.assert(
      fc.asyncProperty(run, async ({ steps, seed, ...faults }) => {
        const reuse = new Reuse({ seed, eventLoss: faults.eventLoss });
        const { world } = reuse;
        Object.assign(world.engine.faults, faults);
        const watch = await world.watch();
        await world.clock.advance(SETTLED_MS);
        for (const each of steps) {
          reuse.apply(each);
          await world.clock.advance(each.passMs);
        }
        await world.clock.advance(RESYNC_DEFAULT_MS + 10 * TRAVEL_MAX_MS);
        assert.deepEqual(toldOf(watch), truthOf(world));
        await watch.stop();
      }),
      { numRuns: 150 },
    );
  });

  it('[P04] takes the address from the old container at once when the new one is seen first', async () => {
    const world = new DockerWorld();
    const old = world.run('old');
    const watch = await world.watch();
    world.engine.faults.eventLoss = 1;
    world.engine.finishExit(old);
    world.engine.faults.eventLoss = 0;
    world.run('new');
    await world.clock.advance(0);
    assert.deepEqual(watch.addresses, { new: ['172.17.0.2'] });
    await watch.stop();
  });

  it('[P04] drops the old binding while the old container is still on its way out', async () => {
    const world = new DockerWorld();
    const old = world.run('old');
    const watch = await world.watch();
    world.engine.beginExit(old);
    world.run('new');
    await world.clock.advance(0);
    assert.deepEqual(watch.addresses, { old: [], new: ['172.17.0.2'] });
    world.engine.finishExit(old);
    await world.clock.advance(0);
    assert.deepEqual(watch.addresses, { new: ['172.17.0.2'] });
    await watch.stop();
  });

  it('[P04][C10] binds the new container though the engine will not tell of the old one', async () => {
    const world = new DockerWorld();
    const old = world.run('old');
    const watch = await world.watch();
    const inspect = world.client.inspectContainer.bind(world.client);
    world.client.inspectContainer = async (id, options) => {
      if (id === old) throw new DockerAnswerError(500, 'layer does not exist');
      return inspect(id, options);
    };
    world.engine.finishExit(old);
    world.run('new');
    await world.clock.advance(0);
    assert.deepEqual(watch.addresses, { old: ['172.17.0.2'], new: ['172.17.0.2'] });
    const { bindings } = computeBindings([...watch.consumers.values()], { maxBindings: 256 });
    assert.deepEqual(
      [...bindings.values()].map(({ descriptor }) => descriptor.service),
      ['/svc/new'],
    );
    await watch.stop();
  });
});

function checkOneOwner(watch: ProviderWatch): void {
  const owners = new Map<string, string>();
  for (const { name, addresses, wants } of watch.consumers.values()) {
    assert.deepEqual(
      wants.map(({ descriptor }) => descriptor.service),
      [`/svc/${name}`],
    );
    for (const { address } of addresses) {
      const other = owners.get(address);
      assert.equal(other, undefined, `${address} is told of ${other ?? ''} and ${name}`);
      owners.set(address, name);
    }
  }
}

function toldOf(watch: ProviderWatch): readonly string[] {
  return [...watch.consumers.values()]
    .map(({ name, startedAt, addresses }) =>
      JSON.stringify([name, startedAt, addresses.map((at) => [at.address, at.endpointId])]),
    )
    .sort();
}

function truthOf({ engine }: DockerWorld): readonly string[] {
  return [...engine.containers.values()]
    .filter(({ isRunning }) => isRunning)
    .map(({ name, startedAt, attachments }) => {
      const places = [...attachments.values()].filter(({ address }) => address !== '');
      return JSON.stringify([name, startedAt, places.map((at) => [at.address, at.endpointId])]);
    })
    .sort();
}
