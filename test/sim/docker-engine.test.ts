import assert from 'node:assert/strict';
import fc from 'fast-check';
import { DockerWorld } from '../support/docker-world.ts';
import { isoInstant } from '../../sim/docker/iso-instant.ts';

/** The year 2200. */
const LATE_MS = 7_258_118_400_000;

describe('SimEngine', () => {
  it('tells events in the order of a real engine: connect, start; disconnect, die, destroy', async () => {
    const world = new DockerWorld();
    const channel = world.engine.open();
    const id = world.run('a');
    world.engine.remove(id);
    channel.end('closed');
    const actions: string[] = [];
    for await (const event of channel) actions.push(actionOf(event));
    assert.deepEqual(actions, ['create', 'connect', 'start', 'disconnect', 'die', 'destroy']);
  });

  it('gives out the lowest free address, and one that was given back at once, before die is told', () => {
    const { engine } = new DockerWorld();
    const old = engine.run({ name: 'old' });
    engine.run({ name: 'other' });
    engine.beginExit(old);
    const fresh = engine.run({ name: 'fresh' });
    assert.equal(engine.containers.get(fresh)?.attachments.get('bridge')?.address, '172.17.0.2');
    assert.equal(engine.containers.get(old)?.isRunning, true, 'its end is not told yet');
  });

  it('loses the events of the chosen share, the same ones for the same seed', async () => {
    const lost = async (seed: number): Promise<readonly string[]> => {
      const { engine } = new DockerWorld({ seed });
      const channel = engine.open();
      engine.faults.eventLoss = 0.5;
      for (let count = 0; count < 50; count += 1) engine.run({ name: `c${count}` });
      channel.end('closed');
      const actions: string[] = [];
      for await (const event of channel) actions.push(actionOf(event));
      return actions;
    };
    const [first, again, other] = [await lost(1), await lost(1), await lost(2)];
    assert.deepEqual(first, again);
    assert.notDeepEqual(first, other);
    assert.ok(first.length > 40 && first.length < 110, `${first.length} of 150 events`);
  });

  it('tells the events of the chosen share twice', async () => {
    const { engine } = new DockerWorld();
    const channel = engine.open();
    engine.faults.eventRepeat = 1;
    engine.run({ name: 'a' });
    channel.end('closed');
    const actions: string[] = [];
    for await (const event of channel) actions.push(actionOf(event));
    assert.deepEqual(actions, ['create', 'create', 'connect', 'connect', 'start', 'start']);
  });

  it('lets late events overtake one another, and loses none', async () => {
    const { clock, engine } = new DockerWorld();
    const channel = engine.open();
    engine.faults.eventJitterMs = 1_000;
    for (let count = 0; count < 5; count += 1) engine.run({ name: `c${count}` });
    await clock.advance(1_000);
    channel.end('closed');
    const actions: string[] = [];
    for await (const event of channel) actions.push(actionOf(event));
    const inOrder = Array.from({ length: 5 }, () => ['create', 'connect', 'start']).flat();
    assert.notDeepEqual(actions, inOrder);
    assert.deepEqual([...actions].sort(), [...inOrder].sort());
  });

  it('shows in a slow list what was there when it was asked', async () => {
    const world = new DockerWorld();
    world.engine.faults.listDelayMs = 100;
    const listing = world.client.listContainers({ signal: new AbortController().signal });
    world.run('late');
    await world.clock.advance(100);
    assert.deepEqual(await listing, []);
  });
});

describe('isoInstant', () => {
  it('writes every instant as the platform does, zeros of the fraction dropped', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: LATE_MS }), (ms) => {
        const expected = new Date(ms)
          .toISOString()
          .replace(/(\.\d*?)0*Z$/, '$1Z')
          .replace('.Z', 'Z');
        assert.equal(isoInstant(ms), expected);
      }),
    );
  });

  it('adds nanoseconds', () => {
    assert.equal(isoInstant(1_767_225_600_100, 20), '2026-01-01T00:00:00.10000002Z');
  });
});

function actionOf(event: unknown): string {
  return typeof event === 'object' && event !== null && 'Action' in event ? String(event.Action) : '';
}
