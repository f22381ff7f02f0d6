import type { ServiceWatch } from '../../src/app/service-watch.ts';
import type { EndpointId } from '../../src/domain/endpoint.ts';
import type { DiscoveryName } from '../truth.ts';
import type { Checker, Scene, Tell } from './checker.ts';

/** The name of this checker. */
export const OUTAGE_SERVES = 'endpoints known before an outage serve during it';

const DISCOVERIES: readonly DiscoveryName[] = ['etcd', 'consul'];

/** What each watch knew, but for those that suspect a loss already. */
type Known = ReadonlyMap<ServiceWatch, readonly EndpointId[]>;

/** What is kept of one discovery. */
interface Book {
  readonly discovery: DiscoveryName;
  known: Known;
  sinceMs: number | undefined;
}

/**
 * Checks that no endpoint that was known and there when its discovery could be asked no longer is forgotten
 * until it can be asked again [C7, P14]. A loss that was suspected before is left out: its hold may end in
 * the outage.
 */
export class OutageServes implements Checker {
  readonly name = OUTAGE_SERVES;
  readonly #scene: Scene;
  readonly #tell: Tell;
  readonly #books: readonly Book[];

  constructor(scene: Scene, tell: Tell) {
    this.#scene = scene;
    this.#tell = tell;
    this.#books = DISCOVERIES.map((discovery) => ({ discovery, known: new Map(), sinceMs: undefined }));
  }

  onStep(): void {
    for (const book of this.#books) this.#check(book);
  }

  #check(book: Book): void {
    const { clock, daemon, truth } = this.#scene;
    const { discovery } = book;
    const sinceMs = truth.outageSinceMs(discovery);
    const isNew = book.sinceMs !== undefined && sinceMs !== book.sinceMs;
    book.sinceMs = sinceMs;
    // Of an outage behind another it is not known what was told between the two.
    if (sinceMs === undefined || isNew) {
      book.known = this.#knownNow(discovery);
      return;
    }
    const watches = new Set(daemon.services.watches);
    for (const [watch, ids] of book.known) {
      const lost = ids.find(
        (id) => !watch.endpoints?.has(id) && truth.hadEndpoint(watch.service, id, sinceMs, discovery),
      );
      if (lost === undefined || !watches.has(watch)) continue;
      this.#tell({
        atMs: clock.monotonicMs(),
        expected: `service ${watch.service} keeps ${lost}: its discovery cannot be asked since ${sinceMs} ms`,
        seen: `it has ${[...(watch.endpoints?.keys() ?? [])].join(', ') || 'none'}`,
      });
      book.known = this.#knownNow(discovery);
      return;
    }
  }

  #knownNow(discovery: DiscoveryName): Known {
    const own = this.#scene.daemon.services.sources.filter((source) => source.discovery === discovery);
    const sure = own.filter(({ watch }) => watch.suspectedLosses === 0);
    return new Map(sure.map(({ watch }) => [watch, [...(watch.endpoints?.keys() ?? [])]]));
  }
}
