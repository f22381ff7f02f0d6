import { SimClock } from '../../sim/clock.ts';
import { MemoryLog } from '../../sim/log.ts';
import { MemoryMetrics } from '../../sim/metrics.ts';
import { SeededRandom } from '../../sim/random.ts';
import { HealthChecks } from '../../src/app/health-checks.ts';
import { Pool, RESILIENCE_DEFAULT } from '../../src/app/pool.ts';
import { formatSocketAddress } from '../../src/domain/address.ts';
import { ProbeError } from '../../src/ports/prober.ts';
import { poolKey } from '../support/bindings.ts';
import { settle } from '../support/settle.ts';
import type { ResilienceOptions } from '../../src/app/pool.ts';
import type { PoolSnapshot } from '../../src/domain/route.ts';
import type { Prober } from '../../src/ports/prober.ts';

/** A pool on simulated time, with probes that a test answers. */
export interface PoolBench {
  readonly clock: SimClock;
  readonly log: MemoryLog;
  readonly metrics: MemoryMetrics;
  readonly pool: Pool;
  readonly checks: HealthChecks;
  /** Endpoints, by `address:port`, that fail their check, and why. */
  readonly ill: Map<string, string>;
  /** Which endpoints were probed, in order. */
  readonly probed: string[];
  /** How often the pool told of a new snapshot by itself. */
  changes(): number;
  known(): PoolSnapshot & { readonly state: 'known' };
}

/** Makes a pool for the key of a descriptor. */
export function poolBench(text: string, resilience: Partial<ResilienceOptions> = {}): PoolBench {
  const [clock, log, metrics] = [new SimClock(settle), new MemoryLog(), new MemoryMetrics()];
  const random = new SeededRandom(1);
  const ill = new Map<string, string>();
  const probed: string[] = [];
  const prober: Prober = {
    probe: async (to) => {
      const at = formatSocketAddress(to);
      probed.push(at);
      const why = ill.get(at);
      if (why !== undefined) throw new ProbeError(why);
    },
  };
  const checks = new HealthChecks({ clock, random, log, prober });
  let changes = 0;
  const pool = new Pool({ clock, random, log, metrics, checks }, poolKey(text), {
    ...RESILIENCE_DEFAULT,
    ...resilience,
    onChange: () => {
      changes += 1;
    },
  });
  const known = (): PoolSnapshot & { readonly state: 'known' } => {
    if (pool.snapshot.state !== 'known') throw new Error('the pool is unknown');
    return pool.snapshot;
  };
  return { clock, log, metrics, pool, checks, ill, probed, changes: () => changes, known };
}
