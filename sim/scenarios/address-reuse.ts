import type { Scenario } from './scenario.ts';
import type { Stage } from './stage.ts';

/** What Docker tells when one container ends and another starts. */
const EVENTS = ['disconnect old', 'die old', 'connect new', 'start new'] as const;
type Event = (typeof EVENTS)[number];

/** How a swap may go besides the order of its events. */
const VARIANTS = [
  { isOldGone: true, pauseMs: 50 },
  { isOldGone: false, pauseMs: 50 },
  { isOldGone: true, pauseMs: 0 },
  { isOldGone: false, pauseMs: 0 },
] as const;
type Variant = (typeof VARIANTS)[number];

/** How long embassy may take from the first event to the sync that follows from it. */
const NOTICED_MS = 20;

/** How long a busy engine may take to show a container. */
const SLOW_ANSWER_MS = 300;

const ADDRESS = '172.17.0.2';

/** Address reuse, in every order in which the four events may arrive. */
export const ADDRESS_REUSE: readonly Scenario[] = [
  ...permutations(EVENTS).map((order): Scenario => ({
    id: 'P04',
    title: `nobody inherits an address when the events come as ${order.join(', ')}`,
    play: async (stage) => {
      await stage.serve('/a', '10.1.0.1:80');
      await stage.serve('/b', '10.1.0.2:80');
      for (const variant of VARIANTS) await swap(stage, order, variant);
    },
  })),
  {
    id: 'C10',
    title: 'an address that changed hands without any event is its new holder’s after one resync',
    bounds: { provider: 36_000 },
    play: async (stage) => {
      await stage.serve('/a', '10.1.0.1:80');
      const old = stage.start('old', ['/a;80']);
      await stage.pass(1_000);
      stage.world.engine.faults.eventLoss = 1;
      stage.world.stopContainer(old, { dieAfterMs: 0 });
      const young = stage.start('new', []);
      await stage.pass(31_000);
      await stage.expectRefused(young, 80);
      stage.expectRoute(ADDRESS, 80, undefined);
    },
  },
  {
    id: 'C10',
    title: 'an old binding lasts no longer than the engine takes to answer what an event made us ask',
    play: async (stage) => {
      await stage.serve('/a', '10.1.0.1:80');
      const old = stage.start('old', ['/a;80']);
      await stage.pass(1_000);
      stage.world.engine.faults.inspectDelayMs = SLOW_ANSWER_MS;
      stage.world.stopContainer(old, { dieAfterMs: 0 });
      const young = stage.start('new', []);
      await stage.pass(SLOW_ANSWER_MS + NOTICED_MS);
      await stage.expectRefused(young, 80);
      stage.expectRoute(ADDRESS, 80, undefined);
    },
  },
];

/** One container takes over the address of another; then the events arrive one by one. */
async function swap(stage: Stage, order: readonly Event[], variant: Variant): Promise<void> {
  const { engine } = stage.world;
  const old = stage.start('old', ['/a;80']);
  await stage.pass(1_000);
  await stage.expectServed(old, 80);
  engine.faults.eventLoss = 1;
  stage.world.stopContainer(old, { dieAfterMs: variant.isOldGone ? 0 : 2_000 });
  const young = stage.start('new', ['/b;81']);
  for (const event of order) {
    engine.sendRaw(documentOf(event, { old, young }, stage));
    if (variant.pauseMs === 0) continue;
    await stage.pass(NOTICED_MS);
    await stage.expectRefused(young, 80);
    await stage.pass(variant.pauseMs);
  }
  await stage.pass(NOTICED_MS);
  stage.expectRoute(ADDRESS, 80, undefined);
  await stage.expectRefused(young, 80);
  await stage.expectServed(young, 81);
  engine.faults.eventLoss = 0;
  stage.world.stopContainer(young, { dieAfterMs: 0 });
  await stage.pass(3_000);
}

/** An event as Docker writes it. */
function documentOf(
  event: Event,
  { old, young }: { readonly old: string; readonly young: string },
  stage: Stage,
): unknown {
  const bridge = stage.world.engine.networks.get('bridge')?.id ?? '';
  const [action = '', who] = event.split(' ');
  const container = who === 'old' ? old : young;
  const isNetwork = action === 'disconnect' || action === 'connect';
  return {
    Type: isNetwork ? 'network' : 'container',
    Action: action,
    Actor: {
      ID: isNetwork ? bridge : container,
      Attributes: isNetwork ? { container, name: 'bridge', type: 'bridge' } : { name: who },
    },
    scope: 'local',
    time: Math.floor(stage.clock.wallMs() / 1_000),
    timeNano: stage.clock.wallMs() * 1_000_000,
  };
}

/** Every order of some items. Pure. */
function permutations<T>(items: readonly T[]): readonly (readonly T[])[] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, index) =>
    permutations([...items.slice(0, index), ...items.slice(index + 1)]).map((rest) => [item, ...rest]),
  );
}
