import { endpointKey } from '../domain/endpoint.ts';
import type { Endpoint } from '../domain/endpoint.ts';
import type { HealthCheck } from '../domain/health-check.ts';
import type { Ailment, HealthChecks } from './health-checks.ts';

/** The health checks one pool holds: one for each of its endpoints, if it wants any. */
export class PoolChecks {
  readonly #checks: HealthChecks;
  readonly #check: HealthCheck | undefined;
  readonly #onChange: () => void;
  /** The releases, by `endpointKey`. */
  readonly #held = new Map<string, () => void>();

  constructor(checks: HealthChecks, check: HealthCheck | undefined, onChange: () => void) {
    this.#checks = checks;
    this.#check = check;
    this.#onChange = onChange;
  }

  /** Holds the checks of those that came and releases those of the ones that went. */
  follow(endpoints: readonly Endpoint[]): void {
    const check = this.#check;
    if (check === undefined) return;
    const present = new Map(endpoints.map((endpoint) => [endpointKey(endpoint), endpoint]));
    for (const [key, endpoint] of present) {
      if (!this.#held.has(key)) this.#held.set(key, this.#checks.hold(endpoint, check, this.#onChange));
    }
    for (const [key, release] of this.#held) {
      if (present.has(key)) continue;
      this.#held.delete(key);
      release();
    }
  }

  /** Why an endpoint fails its check; undefined while it passes, is not asked, or has not answered yet. */
  ailmentOf(endpoint: Endpoint): Ailment {
    return this.#check && this.#checks.ailmentOf(endpoint, this.#check);
  }
}
