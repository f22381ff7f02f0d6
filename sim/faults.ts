import { CONSUL_FAULTS } from './faults/consul-faults.ts';
import { DOCKER_FAULTS } from './faults/docker-faults.ts';
import { ETCD_FAULTS } from './faults/etcd-faults.ts';
import { HOST_FAULTS } from './faults/host-faults.ts';
import { KERNEL_FAULTS } from './faults/kernel-faults.ts';
import { NETWORK_FAULTS } from './faults/network-faults.ts';
import type { DrawPlan, FaultPlan } from './faults/fault-plan.ts';
import type { SeededRandom } from './random.ts';
import type { Bounds, DiscoveryName } from './truth.ts';
import type { World } from './world.ts';

/** How old knowledge may be where nothing is wrong: calls, lists and the daemon's own pace. */
const BASE_BOUND_MS = 1_500;

/** In how many of the runs a fault is on, in three kinds of runs: with few faults, some, and many. */
const SHARES = [0.08, 0.2, 0.45] as const;

/** Every fault a run may choose from, by its name. */
const DRAW = {
  ...DOCKER_FAULTS,
  ...ETCD_FAULTS,
  ...CONSUL_FAULTS,
  ...NETWORK_FAULTS,
  ...KERNEL_FAULTS,
  ...HOST_FAULTS,
} as const satisfies Readonly<Record<string, DrawPlan>>;

/** The name of a fault. */
export type Fault = keyof typeof DRAW;

/** A fault of a run, with its parameters drawn. */
export interface ChosenFault {
  readonly fault: Fault;
  readonly plan: FaultPlan;
}

/** Every fault there is. */
export const FAULTS = Object.keys(DRAW) as readonly Fault[];

/** Faults that turn the same screw; two at once would heal each other. */
const RIVALS: readonly (readonly Fault[])[] = [
  ['docker outage', 'docker errors', 'docker restart'],
  ['docker slow', 'docker lists slower than events'],
  ['etcd outage', 'etcd silence', 'etcd rights lost'],
  ['consul outage', 'consul without a leader', 'consul silence', 'consul rights lost'],
  ['xtables lock held', 'rules refused'],
];

/**
 * Chooses which faults are on, so that some runs have few and some many: what hides behind another fault is
 * seen in a run that has not got that one ("swarm testing").
 *
 * @param discoveries - Those of the run; the faults of others have nothing to strike.
 *
 * @see Groce and others, "Swarm Testing", ISSTA 2012.
 */
export function chooseFaults(
  random: SeededRandom,
  discoveries: readonly DiscoveryName[] = ['etcd'],
): readonly Fault[] {
  const share = random.choose(SHARES) ?? 0;
  const drawn = FAULTS.filter(() => random.next() < share);
  const possible = drawn.filter((fault) => discoveries.includes('consul') || !(fault in CONSUL_FAULTS));
  const beaten = RIVALS.flatMap((rivals) => possible.filter((fault) => rivals.includes(fault)).slice(1));
  return possible.filter((fault) => !beaten.includes(fault));
}

/** Draws the parameters of a fault. A seed always gives the same, whichever other faults are on. */
export function drawFault(fault: Fault, random: SeededRandom): ChosenFault {
  return { fault, plan: DRAW[fault](random.fork(`parameters of ${fault}`)) };
}

/** Names a fault with its parameters. Pure. */
export function faultInWords({ fault, plan: { words } }: ChosenFault): string {
  return words === '' ? fault : `${fault} (${words})`;
}

/** How old embassy's knowledge may be with these faults on. Pure. */
export function boundsOf(faults: readonly ChosenFault[]): Bounds {
  const bound = (source: keyof Bounds): number =>
    faults.reduce((sum, { plan }) => sum + (plan.adds[source] ?? 0), BASE_BOUND_MS);
  return { provider: bound('provider'), discovery: bound('discovery') };
}

/**
 * Lets a fault strike and heal, again and again, until aborted; rejects with the reason then, and has healed.
 *
 * @param onStrike - Told of each strike, as `onHeal` is of each end.
 */
export async function runFault(
  world: World,
  { fault, plan }: ChosenFault,
  options: {
    readonly random: SeededRandom;
    readonly signal: AbortSignal;
    readonly onStrike: () => void;
    readonly onHeal: () => void;
  },
): Promise<void> {
  const { random, signal } = options;
  const { truth } = world;
  while (true) {
    await world.clock.sleep(random.integer(...plan.pauseMs), { signal });
    options.onStrike();
    world.trace.event('fault', `${fault} strikes`);
    for (const source of plan.outages) truth.outageBegan(source, fault);
    if (plan.isKernelTrouble) truth.kernelTroubleBegan(fault);
    plan.strike(world, random);
    try {
      await world.clock.sleep(random.integer(...plan.lastsMs), { signal });
    } finally {
      world.trace.event('fault', `${fault} heals`);
      plan.heal(world);
      options.onHeal();
      for (const source of plan.outages) truth.outageEnded(source, fault);
      if (plan.isKernelTrouble) truth.kernelTroubleEnded(fault);
    }
  }
}
