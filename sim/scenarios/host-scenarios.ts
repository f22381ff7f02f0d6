import type { IptablesFault } from '../iptables/sim-iptables.ts';
import type { Scenario } from './scenario.ts';
import type { Stage } from './stage.ts';

/** How soon wiped rules are back [C4]. */
const RULES_BACK_MS = 5_000;

/** How long it takes until known endpoints are in the state directory. */
const SAVED_MS = 2_500;

/** How long an embassy that starts gives a silent discovery before it serves what it remembers, and some. */
const RECALLED_MS = 1_500;

const JUMP = 'EMBASSY';

/** What happens to the kernel's rules, and to embassy itself. */
export const HOST_SCENARIOS: readonly Scenario[] = [
  {
    id: 'P27',
    title: 'rules that somebody wiped are back within five seconds',
    play: async (stage) => {
      const web = await serving(stage);
      for (let n = 0; n < 5; n += 1) {
        wipe(stage);
        await stage.expectRefused(web, 80);
        await stage.pass(RULES_BACK_MS);
        await stage.expectServed(web, 80);
      }
    },
  },
  ...(['docker', 'ufw', 'firewalld', 'old firewalld'] as const).map((program): Scenario => ({
    id: program === 'docker' ? 'P27' : 'P32',
    title: `consumers are served within five seconds of a start of ${program}, which empties all tables`,
    play: async (stage) => {
      const web = await serving(stage);
      trouble(stage, () => {
        stage.world.kernel.restartFirewall(program);
      });
      await stage.pass(RULES_BACK_MS);
      await stage.expectServed(web, 80);
    },
  })),
  ...(['lock held', 'no write'] as const).map((fault): Scenario => ({
    id: 'P26',
    title: `rules that cannot be written (${fault}) are written once they can, and never in part`,
    play: async (stage) => {
      const web = await serving(stage);
      const { kernel } = stage.world;
      await troubled(stage, fault, async () => {
        kernel.wipe();
        for (let n = 0; n < 20; n += 1) {
          await stage.pass(1_000);
          const text = kernel.iptables.tables[4].save();
          stage.expect('no rule of ours', text, !text.includes(JUMP));
        }
      });
      await stage.pass(RULES_BACK_MS);
      await stage.expectServed(web, 80);
    },
  })),
  {
    id: 'P28',
    title: 'an embassy that was killed leaves its rules, and the next one ends with exactly one set',
    play: async (stage) => {
      const web = await serving(stage);
      const text = stage.world.kernel.iptables.tables[4].save();
      for (let n = 0; n < 3; n += 1) {
        await downFor(stage, 1_000, async () => stage.expectRefused(web, 80));
        const left = stage.world.kernel.iptables.tables[4].save();
        stage.expect('the rules as they were', left, left === text);
        await stage.pass(2_000);
        await stage.expectServed(web, 80);
        const jumps = stage.world.kernel.jumpsTo(JUMP);
        stage.expect('one jump', jumps, jumps === 1);
      }
    },
  },
  {
    id: 'C9',
    title: 'an embassy that is told to stop leaves no rule',
    play: async (stage) => {
      await serving(stage);
      await stage.stop();
      const text = stage.world.kernel.iptables.tables[4].save();
      stage.expect('no rule of ours', text, !text.includes(JUMP));
    },
  },
  {
    id: 'P14',
    title: 'an embassy that starts while etcd is away serves what the one before it knew',
    bounds: { discovery: 120_000 },
    hasStateDir: true,
    play: async (stage) => {
      const web = await serving(stage);
      await stage.pass(SAVED_MS);
      const { sources, truth } = stage.world;
      truth.outageBegan('etcd');
      sources.store?.setHealth('silent');
      await downFor(stage, 1_000, async () => Promise.resolve());
      await stage.pass(RECALLED_MS);
      for (let n = 0; n < 5; n += 1) {
        await stage.expectServed(web, 80);
        await stage.pass(10_000);
      }
      sources.store?.setHealth('up');
      truth.outageEnded('etcd');
    },
  },
  {
    id: 'P33',
    title: 'an embassy that starts without a memory while etcd is away refuses, and serves when it answers',
    bounds: { discovery: 120_000 },
    play: async (stage) => {
      const web = await serving(stage);
      stage.world.truth.outageBegan('etcd');
      stage.world.sources.store?.setHealth('down');
      await downFor(stage, 1_000, async () => Promise.resolve());
      await stage.pass(RECALLED_MS);
      await stage.expectRefused(web, 80);
      stage.world.sources.store?.setHealth('up');
      stage.world.truth.outageEnded('etcd');
      await stage.pass(10_000);
      await stage.expectServed(web, 80);
    },
  },
  {
    id: 'P04',
    title:
      'an engine that restarts, and gives its containers other addresses, leaves nobody the old bindings',
    bounds: { provider: 5_000 },
    play: async (stage) => {
      const [a, b] = [await stage.serve('/a', '10.1.0.1:80'), await stage.serve('/b', '10.1.0.2:80')];
      const [one, two] = [stage.start('one', ['/a;80']), stage.start('two', ['/b;80'])];
      await stage.pass(1_000);
      for (let order = 0; order < 6; order += 1) {
        stage.world.truth.outageBegan('provider');
        stage.world.population.haltEngine();
        await stage.pass(2_000);
        stage.world.population.resumeEngine(order);
        stage.world.truth.outageEnded('provider');
        await stage.pass(5_000);
        await stage.expectServed(one, 80, a);
        await stage.expectServed(two, 80, b);
      }
    },
  },
];

/** A container that is served. */
async function serving(stage: Stage): Promise<string> {
  await stage.serve('/a', '10.1.0.1:80');
  const web = stage.start('web', ['/a;80']);
  await stage.pass(1_000);
  await stage.expectServed(web, 80);
  return web;
}

function wipe(stage: Stage): void {
  trouble(stage, () => {
    stage.world.kernel.wipe();
  });
}

/** Does something to the kernel that embassy has to mend. */
function trouble(stage: Stage, act: () => void): void {
  stage.world.truth.kernelTroubleBegan('the scenario');
  act();
  stage.world.truth.kernelTroubleEnded('the scenario');
}

async function troubled(stage: Stage, fault: IptablesFault, during: () => Promise<void>): Promise<void> {
  stage.world.truth.kernelTroubleBegan(fault);
  stage.world.kernel.iptables.break(4, fault);
  await during();
  stage.world.kernel.iptables.repair(4);
  stage.world.truth.kernelTroubleEnded(fault);
}

/** Kills embassy, and starts another after a while. */
async function downFor(stage: Stage, ms: number, during: () => Promise<void>): Promise<void> {
  const { truth } = stage.world;
  for (const source of ['provider', 'etcd'] as const) truth.outageBegan(source, 'killed');
  truth.kernelTroubleBegan('killed');
  stage.world.crash();
  await during();
  await stage.pass(ms);
  await stage.world.bounce();
  truth.kernelTroubleEnded('killed');
  for (const source of ['provider', 'etcd'] as const) truth.outageEnded(source, 'killed');
}
