/** How many services get a label of their own; a time series costs memory here and at whoever scrapes. */
const SERVICES_MAX = 1_000;

/** The label of what is beyond, and of what has no service. */
const OTHER = 'other';
const NONE = 'none';

/** Bounds the values of the label `service`: the first thousand have their own, all others share one. */
export class ServiceLabels {
  readonly #known = new Set<string>();

  /** The label of a service; `none` where there is none. */
  of(service: string | undefined): string {
    if (service === undefined) return NONE;
    if (this.#known.has(service)) return service;
    if (this.#known.size >= SERVICES_MAX) return OTHER;
    this.#known.add(service);
    return service;
  }
}
