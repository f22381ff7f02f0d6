import type { IpAddress, Port } from '../src/domain/address.ts';
import type { Call } from './call.ts';
import type { World } from './world.ts';

/** How often it is looked who has a new address, and how often an old binding that still serves is called. */
const LOOK_MS = 100;

/** The pauses between calls grow by this factor while they are refused. */
const PAUSE_FACTOR = 2;

/** An old binding cannot outlive the resync of the engine; called that long, and a little longer [C10]. */
const CALLED_FOR_MS = 60_000;

/** A port that the holder before wanted, and the present one does not. */
interface Probe {
  readonly container: string;
  readonly port: Port;
  readonly sinceMs: number;
  nextAtMs: number;
  pauseMs: number;
}

/**
 * Lets each container that got the address of another call what only that other one had asked for: often at
 * first, then less, and often for as long as somebody answers. What comes of it measures how long an old
 * binding serves [C10].
 *
 * Ends when aborted, with its reason.
 */
export async function callAfterHandovers(
  world: World,
  options: { readonly signal: AbortSignal; readonly onEnd: (call: Call) => void },
): Promise<void> {
  const { clock } = world;
  const lastWants = new Map<IpAddress, { readonly container: string; readonly ports: readonly Port[] }>();
  let probes: readonly Probe[] = [];
  while (true) {
    await clock.sleep(LOOK_MS, options);
    const nowMs = clock.monotonicMs();
    const present = new Set(world.containers);
    probes = probes.filter((probe) => present.has(probe.container) && nowMs - probe.sinceMs < CALLED_FOR_MS);
    for (const { address, container, wants } of world.residents) {
      const last = lastWants.get(address);
      const ports = wants.map(({ port }) => port);
      if (last?.container === container) continue;
      lastWants.set(address, { container, ports });
      const old = (last?.ports ?? []).filter((port) => !ports.includes(port));
      const begun = { container, sinceMs: nowMs, nextAtMs: nowMs, pauseMs: LOOK_MS };
      probes = [...probes, ...old.map((port) => ({ ...begun, port }))];
    }
    for (const probe of probes) {
      if (probe.nextAtMs > nowMs) continue;
      probe.nextAtMs = nowMs + probe.pauseMs;
      probe.pauseMs *= PAUSE_FACTOR;
      const onEnd = (call: Call): void => {
        if (call.outcome.kind === 'reached') probe.pauseMs = LOOK_MS;
        options.onEnd(call);
      };
      world.call(probe.container, { port: probe.port, bytes: 100, pauseMs: 0, onEnd });
    }
  }
}
