/** How big a simulated world is, and how fast things happen in it. */
export interface Load {
  /** How many services there are. */
  readonly services: number;
  /** The most containers at once. */
  readonly containers: number;
  /** Changes of endpoints, each second. */
  readonly churnPerSecond: number;
  readonly callsPerSecond: number;
  /** What each call sends and gets back; drawn for each where undefined. */
  readonly bytesPerCall: number | undefined;
}

/** Seeds are what the generator takes: 31 bits without a sign. */
export const SEED_MAX = 2 ** 31 - 1;

/** A small world, in which addresses and endpoints are soon used again. */
export const LOAD_DEFAULT: Load = {
  services: 5,
  containers: 12,
  churnPerSecond: 1.3,
  callsPerSecond: 13,
  bytesPerCall: undefined,
};

/** One network of the simulated engine has so many addresses, less some for those that move. */
export const CONTAINERS_MAX = 200;

/** Beyond this a name could not be told from an address any more, and a run would take hours. */
export const SERVICES_MAX = 10_000;

/** Of three services two are wanted: the others change, too, and nobody may mind. */
const SERVICES_PER_CONTAINER = 1.7;

/** The shortest and the longest pause between two events, as parts of the mean. */
const PAUSE_MIN = 0.065;
const PAUSE_MAX = 2 - PAUSE_MIN;

const MS_PER_SECOND = 1_000;

/**
 * Completes a load: where only services are given there are containers enough to want most of them.
 *
 * Pure.
 */
export function loadOf(chosen: Partial<Load>): Load {
  const services = chosen.services ?? LOAD_DEFAULT.services;
  const wanting = Math.min(CONTAINERS_MAX, Math.round(services / SERVICES_PER_CONTAINER));
  return { ...LOAD_DEFAULT, containers: Math.max(LOAD_DEFAULT.containers, wanting), ...chosenLoad(chosen) };
}

/** Each may be left out, or be undefined. */
type Loose<T> = { readonly [K in keyof T]?: T[K] | undefined };

/** What of a load is in a larger set of options; the rest is left out. Pure. */
export function chosenLoad(options: Loose<Load>): Partial<Load> {
  const { services, containers, churnPerSecond, callsPerSecond, bytesPerCall } = options;
  return {
    ...(services === undefined ? {} : { services }),
    ...(containers === undefined ? {} : { containers }),
    ...(churnPerSecond === undefined ? {} : { churnPerSecond }),
    ...(callsPerSecond === undefined ? {} : { callsPerSecond }),
    ...(bytesPerCall === undefined ? {} : { bytesPerCall }),
  };
}

/** The pauses, in milliseconds, between events of a rate: from the first to the second, both included. */
export function pausesOf(perSecond: number): readonly [number, number] {
  const meanMs = MS_PER_SECOND / perSecond;
  return [Math.round(PAUSE_MIN * meanMs), Math.round(PAUSE_MAX * meanMs)];
}
