import { runCommand } from './command.ts';
import { isAlive } from './own-engine.ts';

import type Docker from 'dockerode';
import type { Progress } from './progress.ts';

/** On every container we make; its value is the process id of the run. */
export const RUN_LABEL = 'embassy.e2e.run';
/** Every network we make is called `<prefix><process id>-<count>`. */
export const NETWORK_PREFIX = 'embassy-e2e-';
/**
 * Inner containers' cgroups lie under `<this>/<host container's name>`, so that they can be told from
 * others'.
 */
const RUN_OF_NETWORK = /^embassy-e2e-(\d+)-\d+$/u;
export const CGROUP_PARENT = 'embassy-e2e';

/**
 * Removes containers and networks of runs whose process is gone, and, with `own`, those of this run: the
 * safety net under `await using`.
 *
 * @param own - this run's process id when it ends; undefined at its start
 * @returns how many containers and networks were removed
 */
export async function removeLeftovers(
  engine: Docker,
  own: number | undefined,
  progress: Progress,
): Promise<number> {
  const isOver = (pid: number): boolean => pid === own || !isAlive(pid);
  let removed = 0;
  for (const container of await engine.listContainers({ all: true, filters: { label: [RUN_LABEL] } })) {
    if (isOver(Number(container.Labels[RUN_LABEL]))) {
      await engine.getContainer(container.Id).remove({ force: true, v: true });
      removed += 1;
    }
  }
  for (const network of await engine.listNetworks({ filters: { name: [NETWORK_PREFIX] } })) {
    // The engine's filter matches anywhere in a name, so a foreign one may come along.
    const pid = Number(RUN_OF_NETWORK.exec(network.Name)?.[1] ?? 0);
    if (pid > 0 && isOver(pid)) {
      await engine.getNetwork(network.Id).remove();
      removed += 1;
    }
  }
  if (removed > 0) {
    progress(`removed ${removed} containers and networks that a test or a crashed run left`);
  }
  await removeEmptyCgroups();
  return removed;
}

/**
 * rmdir takes only a cgroup without processes, so a live run loses nothing; without the right to, they
 * stay.
 */
async function removeEmptyCgroups(): Promise<void> {
  const find = ['find', '/sys/fs/cgroup', '-depth', '-type', 'd', '-path', `*/${CGROUP_PARENT}*`];
  await runCommand([...find, '-exec', 'rmdir', '{}', ';']).catch(() => undefined);
}
