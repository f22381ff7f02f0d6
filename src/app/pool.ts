import { Ejection, EJECTION_DEFAULT } from '../balancers/ejection.ts';
import { createBalancer } from '../balancers/policies.ts';
import { RetryBudget } from '../balancers/retry-budget.ts';
import { Newcomers, withSlowStart } from '../balancers/slow-start.ts';
import { formatSocketAddress } from '../domain/address.ts';
import { endpointKey, sameEndpoints } from '../domain/endpoint.ts';
import { sameState } from '../domain/endpoint-state.ts';
import { PoolChecks } from './pool-checks.ts';
import { chooseEndpoints, hasTags } from './pool-endpoints.ts';
import type { Balancer } from '../balancers/balancer.ts';
import type { EjectionLimits } from '../balancers/ejection.ts';
import type { Endpoint } from '../domain/endpoint.ts';
import type { EndpointState } from '../domain/endpoint-state.ts';
import type { PoolKey } from '../domain/pool-key.ts';
import type { DialFeedback, PoolSnapshot } from '../domain/route.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { Random } from '../ports/random.ts';
import type { HealthChecks } from './health-checks.ts';

/** How a pool treats endpoints that don't do well, and new ones. */
export interface ResilienceOptions {
  readonly ejection: EjectionLimits;
  /** Below this part of ready endpoints, from 0 to 1, ejected ones are picked all the same. */
  readonly panicThreshold: number;
  /** How long a new endpoint takes to its full share, in milliseconds; 0 gives it at once. */
  readonly slowStartMs: number;
}

/** The defaults of the options. */
export const RESILIENCE_DEFAULT: ResilienceOptions = {
  ejection: EJECTION_DEFAULT,
  panicThreshold: 0.25,
  slowStartMs: 0,
};

/** What a pool works with. */
export interface PoolDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly checks: HealthChecks;
}

/**
 * Endpoints and policy shared by all bindings that agree in discovery, service, tags, balance and check. It
 * learns from dials and checks which endpoints to leave alone, and publishes what is left as one snapshot.
 */
export class Pool {
  readonly key: PoolKey;
  readonly #dependencies: PoolDependencies;
  readonly #options: ResilienceOptions;
  readonly #onChange: () => void;
  readonly #balancer: Balancer;
  readonly #ejection: Ejection;
  readonly #budget = new RetryBudget();
  readonly #checks: PoolChecks;
  readonly #feedback: DialFeedback;
  readonly #newcomers: Newcomers;
  /** What an operator decided, by key. */
  readonly #sidelines = new Map<string, EndpointState>();
  #endpoints: readonly Endpoint[] | undefined;
  #eligible: readonly Endpoint[] = [];
  #snapshot: PoolSnapshot;
  #cancelTimer: () => void = () => undefined;

  /** @param onChange - There is a new snapshot that no `update` asked for; only marks work. */
  constructor(
    dependencies: PoolDependencies,
    key: PoolKey,
    options: ResilienceOptions & { readonly onChange: () => void },
  ) {
    this.key = key;
    this.#dependencies = dependencies;
    this.#options = options;
    this.#onChange = options.onChange;
    const random = dependencies.random.fork(`pool ${key.id}`);
    this.#balancer = createBalancer(key.balance, { clock: dependencies.clock, random });
    this.#ejection = new Ejection(options.ejection);
    this.#newcomers = new Newcomers(options.slowStartMs);
    this.#checks = new PoolChecks(dependencies.checks, key.check, () => {
      this.#refresh();
    });
    this.#feedback = this.#createFeedback();
    this.#snapshot = { state: 'unknown', key };
  }

  get snapshot(): PoolSnapshot {
    return this.#snapshot;
  }

  /** The most endpoints that any of its books remembers, for checkers. */
  get remembered(): number {
    return Math.max(this.#balancer.size ?? 0, this.#ejection.size, this.#sidelines.size);
  }

  /** Whether any of these endpoints would be one of the pool's. */
  takesAny(endpoints: Iterable<Endpoint>): boolean {
    for (const endpoint of endpoints) if (hasTags(endpoint, this.key.tags)) return true;
    return false;
  }

  /**
   * Takes the endpoints of the service: those with every tag of this pool, each address once.
   *
   * @param endpoints - All endpoints of the service.
   * @returns Whether there is a new snapshot to publish.
   *
   * A set equal to the present one changes nothing and keeps the turn.
   */
  update(endpoints: Iterable<Endpoint>): boolean {
    const chosen = chooseEndpoints(endpoints, this.key);
    if (this.#endpoints !== undefined && sameEndpoints(this.#endpoints, chosen)) return false;
    this.#welcome(chosen);
    this.#endpoints = Object.freeze(chosen);
    this.#ejection.update(new Set(chosen.filter(({ weight }) => weight > 0).map(endpointKey)));
    this.#checks.follow(chosen);
    this.#publish(this.#endpoints);
    return true;
  }

  /**
   * Leaves an endpoint alone until it is readmitted or removed: an operator's decision.
   *
   * @returns Whether the pool has it.
   */
  sideline(key: string, how: 'eject' | 'drain'): boolean {
    const state: EndpointState =
      how === 'drain' ? { kind: 'draining', by: 'operator' } : { kind: 'ejected', by: 'operator' };
    return this.#decide(key, state);
  }

  /** Takes an endpoint back that was sidelined or ejected for its dials; tells whether the pool has it. */
  readmit(key: string): boolean {
    this.#ejection.forget(key);
    return this.#decide(key, undefined);
  }

  /** Ends its checks and its timer; the last snapshot stays good for connections under way. */
  close(): void {
    this.#cancelTimer();
    this.#checks.follow([]);
    this.#endpoints = undefined;
  }

  #welcome(chosen: readonly Endpoint[]): void {
    const keys = new Set(chosen.map(endpointKey));
    for (const key of this.#sidelines.keys()) if (!keys.has(key)) this.#sidelines.delete(key);
    const known = new Set(this.#endpoints?.map(endpointKey));
    this.#newcomers.welcome(keys, known, this.#dependencies.clock.monotonicMs());
  }

  #decide(key: string, state: EndpointState | undefined): boolean {
    if (this.#endpoints?.some((endpoint) => endpointKey(endpoint) === key) !== true) return false;
    if (state === undefined) this.#sidelines.delete(key);
    else this.#sidelines.set(key, state);
    this.#refresh();
    return true;
  }

  /** Something other than the set may have changed: time, checks, what dials showed. */
  #refresh(): void {
    if (this.#endpoints !== undefined && this.#publish(this.#endpoints)) this.#onChange();
  }

  /** Publishes what is true now; tells whether that is anything new. */
  #publish(endpoints: readonly Endpoint[]): boolean {
    const nowMs = this.#dependencies.clock.monotonicMs();
    for (const key of this.#ejection.readmit(nowMs)) {
      this.#dependencies.log.info(`endpoint ${key} of ${this.key.service} is readmitted`);
    }
    const states = this.#statesOf(endpoints);
    const weighted = endpoints.filter(({ weight }) => weight > 0);
    const ready = weighted.filter((endpoint) => !states.has(endpointKey(endpoint)));
    const panics = ready.length < weighted.length * this.#options.panicThreshold;
    const eligible = withSlowStart(panics ? weighted : ready, (endpoint) =>
      this.#newcomers.stepsOf(endpointKey(endpoint), nowMs),
    );
    this.#schedule(nowMs);
    if (this.#isPublished({ endpoints, states, panics, eligible })) return false;
    this.#tellPanic(panics, ready.length, weighted.length);
    const picker = this.#balancer.update(eligible);
    this.#eligible = eligible;
    const balancer = this.#balancer;
    let slots: readonly Endpoint[] | undefined;
    this.#snapshot = Object.freeze({
      state: 'known',
      key: this.key,
      endpoints,
      states,
      panics,
      picker,
      feedback: this.#feedback,
      slots: () => (slots ??= balancer.slots()),
    });
    return true;
  }

  #isPublished(next: {
    readonly endpoints: readonly Endpoint[];
    readonly states: ReadonlyMap<string, EndpointState>;
    readonly panics: boolean;
    readonly eligible: readonly Endpoint[];
  }): boolean {
    const now = this.#snapshot;
    if (now.state === 'unknown' || now.endpoints !== next.endpoints || now.panics !== next.panics)
      return false;
    if (now.states.size !== next.states.size || !sameEndpoints(this.#eligible, next.eligible)) return false;
    return [...next.states].every(([key, state]) => {
      const old = now.states.get(key);
      return old !== undefined && sameState(old, state);
    });
  }

  /** The state of each endpoint that is not ready. */
  #statesOf(endpoints: readonly Endpoint[]): ReadonlyMap<string, EndpointState> {
    const states = new Map<string, EndpointState>();
    const ejected = this.#ejection.ejected;
    for (const endpoint of endpoints) {
      const key = endpointKey(endpoint);
      const untilMs = ejected.get(key);
      const ailment = this.#checks.ailmentOf(endpoint);
      const sidelined = this.#sidelines.get(key);
      if (sidelined !== undefined) states.set(key, sidelined);
      else if (endpoint.weight === 0) states.set(key, { kind: 'draining', by: 'weight' });
      else if (ailment !== undefined) states.set(key, { kind: 'ejected', by: 'check', reason: ailment });
      else if (untilMs !== undefined) states.set(key, { kind: 'ejected', by: 'dials', untilMs });
    }
    return states;
  }

  /** One timer for whatever changes by itself next. */
  #schedule(nowMs: number): void {
    this.#cancelTimer();
    const nextMs = Math.min(this.#newcomers.nextStepAtMs(nowMs), ...this.#ejection.ejected.values());
    if (nextMs === Infinity) return;
    this.#cancelTimer = this.#dependencies.clock.schedule(Math.max(0, nextMs - nowMs), () => {
      this.#refresh();
    });
  }

  #createFeedback(): DialFeedback {
    const { clock, metrics } = this.#dependencies;
    return {
      attempted: () => {
        this.#budget.deposit(clock.monotonicMs());
      },
      mayRetry: () => {
        const may = this.#budget.withdraw(clock.monotonicMs());
        if (!may) metrics.limitReached('retry-budget');
        return may;
      },
      dialled: (endpoint, elapsedMs) => {
        const key = endpointKey(endpoint);
        this.#ejection.succeeded(key);
        this.#balancer.observe?.(key, elapsedMs);
      },
      answered: (endpoint) => {
        this.#ejection.succeeded(endpointKey(endpoint));
      },
      failed: (endpoint) => {
        const key = endpointKey(endpoint);
        this.#balancer.observe?.(key, undefined);
        const options = { nowMs: clock.monotonicMs(), sidelined: this.#sidelined() };
        const lastsMs = this.#ejection.failed(key, options);
        if (lastsMs !== undefined) this.#tellEjected(endpoint, lastsMs);
      },
    };
  }

  /** How many of those with a weight are not ready for another reason than their dials. */
  #sidelined(): number {
    const states = this.#snapshot.state === 'known' ? [...this.#snapshot.states.values()] : [];
    return states.filter((state) => state.kind === 'ejected' && state.by !== 'dials').length;
  }

  #tellEjected(endpoint: Endpoint, lastsMs: number): void {
    const { log, metrics } = this.#dependencies;
    const { failures } = this.#options.ejection;
    const at = `endpoint ${formatSocketAddress(endpoint)} of ${this.key.service}`;
    log.warn(`${at} is ejected for ${lastsMs / 1_000} s: ${failures} dials in a row failed`);
    metrics.endpointEjected(this.key.service);
    this.#refresh();
  }

  #tellPanic(panics: boolean, ready: number, all: number): void {
    const before = this.#snapshot.state === 'known' && this.#snapshot.panics;
    if (panics === before) return;
    const { log } = this.#dependencies;
    const { service } = this.key;
    if (panics) log.warn(`service ${service}: ${ready} of ${all} endpoints are ready; all are used again`);
    else log.info(`service ${service}: ${ready} of ${all} endpoints are ready; the others are left alone`);
  }
}
