import { plan } from './fault-plan.ts';
import type { IptablesFault } from '../iptables/sim-iptables.ts';
import type { DrawPlan, FaultPlan } from './fault-plan.ts';

/** The programs that may start anew beside embassy. */
const FIREWALLS = ['docker', 'ufw', 'firewalld', 'old firewalld'] as const;

/**
 * What goes wrong between the kernel and embassy. It changes nothing of what embassy knows; while it lasts,
 * and for the time in which rules must be back [C4], nobody can expect that connections are led to embassy.
 */
export const KERNEL_FAULTS = {
  'rules wiped': () =>
    plan({
      isKernelTrouble: true,
      pauseMs: [2_000, 20_000],
      strike: (world) => {
        world.kernel.wipe();
      },
    }),
  'firewall restarted': (random) => {
    const program = random.choose(FIREWALLS) ?? 'docker';
    return plan({
      words: program,
      isKernelTrouble: true,
      pauseMs: [10_000, 40_000],
      strike: (world) => {
        world.kernel.restartFirewall(program);
      },
    });
  },
  'xtables lock held': () => unwritable('lock held'),
  // The kernel takes none of a transaction of which it refuses a part [P26].
  'rules refused': () => unwritable('no write'),
  // The veth of a container that ended goes without a word; events and lists tell of the end all the same.
  'link messages lost': () =>
    plan({
      lastsMs: [5_000, 60_000],
      pauseMs: [1_000, 20_000],
      strike: (world) => {
        world.kernel.setMute(true);
      },
      heal: (world) => {
        world.kernel.setMute(false);
      },
    }),
} as const satisfies Readonly<Record<string, DrawPlan>>;

/** Rules cannot be written for a while, and sometimes there are none. */
function unwritable(fault: IptablesFault): FaultPlan {
  return plan({
    isKernelTrouble: true,
    lastsMs: [500, 10_000],
    pauseMs: [5_000, 30_000],
    strike: (world, random) => {
      world.kernel.iptables.break(4, fault);
      if (random.next() < 0.5) world.kernel.wipe();
    },
    heal: (world) => {
      world.kernel.iptables.repair(4);
    },
  });
}
