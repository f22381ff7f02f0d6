import type { IpAddress } from '../src/domain/address.ts';
import type { Latency } from './paths.ts';
import type { SeededRandom } from './random.ts';

/** How far one endpoint is, in milliseconds. */
const NEAR_MS = 1;
const FAR_MS = 5;

/** No time within the host; some milliseconds, the same for an endpoint throughout a run, beyond it. */
export function latencyOf(random: SeededRandom): Latency {
  const known = new Map<IpAddress, number>();
  return (from, to) => {
    const far = [from, to].find((address) => address.startsWith('10.'));
    if (far === undefined) return 0;
    const latencyMs = known.get(far) ?? random.fork(`latency ${far}`).integer(NEAR_MS, FAR_MS);
    known.set(far, latencyMs);
    return latencyMs;
  };
}
