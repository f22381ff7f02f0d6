import type { ServiceWatch } from '../../src/app/service-watch.ts';
import type { EndpointId } from '../../src/domain/endpoint.ts';
import type { Checker, Scene, Tell } from './checker.ts';

/** The name of this checker. */
export const OUTAGE_SERVES = 'endpoints known before an outage serve during it';

/** What each watch knew, but for those that suspect a loss already. */
type Known = ReadonlyMap<ServiceWatch, readonly EndpointId[]>;

/**
 * Checks that no endpoint that was known and there when its discovery could be asked no longer is forgotten
 * until it can be asked again [C7, P14]. A loss that was suspected before is left out: its hold may end in
 * the outage.
 */
export class OutageServes implements Checker {
  readonly name = OUTAGE_SERVES;
  readonly #scene: Scene;
  readonly #tell: Tell;
  #known: Known = new Map();
  #sinceMs: number | undefined;

  constructor(scene: Scene, tell: Tell) {
    this.#scene = scene;
    this.#tell = tell;
  }

  onStep(): void {
    const { clock, daemon, truth } = this.#scene;
    const sinceMs = truth.outageSinceMs('discovery');
    const isNew = this.#sinceMs !== undefined && sinceMs !== this.#sinceMs;
    this.#sinceMs = sinceMs;
    // Of an outage behind another it is not known what was told between the two.
    if (sinceMs === undefined || isNew) {
      this.#known = this.#knownNow();
      return;
    }
    const watches = new Set(daemon.services.watches);
    for (const [watch, ids] of this.#known) {
      const lost = ids.find(
        (id) => !watch.endpoints?.has(id) && truth.hadEndpoint(watch.service, id, sinceMs),
      );
      if (lost === undefined || !watches.has(watch)) continue;
      this.#tell({
        atMs: clock.monotonicMs(),
        expected: `service ${watch.service} keeps ${lost}: its discovery cannot be asked since ${sinceMs} ms`,
        seen: `it has ${[...(watch.endpoints?.keys() ?? [])].join(', ') || 'none'}`,
      });
      this.#known = this.#knownNow();
      return;
    }
  }

  #knownNow(): Known {
    const sure = this.#scene.daemon.services.watches.filter((watch) => watch.suspectedLosses === 0);
    return new Map(sure.map((watch) => [watch, [...(watch.endpoints?.keys() ?? [])]]));
  }
}
