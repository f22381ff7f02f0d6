import { createBalancer } from '../balancers/policies.ts';
import { computeBindings } from './compute-bindings.ts';
import { ConsumerSet } from './consumer-set.ts';
import { Pool } from './pool.ts';
import { neededPools } from './routing.ts';
import type { Binding } from '../domain/binding.ts';
import type { Endpoint } from '../domain/endpoint.ts';
import type { PoolKey } from '../domain/pool-key.ts';
import type { Problem } from '../domain/result.ts';
import type { Clock } from '../ports/clock.ts';
import type { Discovery } from '../ports/discovery.ts';
import type { Provider } from '../ports/provider.ts';
import type { RoutingDefaults } from './routing.ts';

/** What a service's discovery answered, within the time limit. */
export type ServiceFinding =
  | { readonly kind: 'known'; readonly service: PoolKey; readonly endpoints: readonly Endpoint[] }
  | { readonly kind: 'failed'; readonly service: PoolKey; readonly reason: string };

/** What would be bound, and to what. */
export interface Survey {
  readonly bindings: readonly Binding[];
  readonly services: readonly ServiceFinding[];
  readonly problems: readonly Problem[];
  /** The providers and discoveries that did not answer, with why. */
  readonly failures: readonly string[];
}

/** What a survey works with. */
export interface SurveyDependencies {
  readonly clock: Clock;
  readonly providers: readonly Provider[];
  readonly discoveries: ReadonlyMap<string, Discovery>;
}

/**
 * Looks once at what the daemon would do [C8]: asks each provider and each needed service for its first
 * snapshot. Changes nothing anywhere.
 *
 * @param timeoutMs - How long each of them may take.
 */
export async function survey(
  dependencies: SurveyDependencies,
  options: {
    readonly defaults: RoutingDefaults;
    readonly maxBindings: number;
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
  },
): Promise<Survey> {
  const { clock, providers, discoveries } = dependencies;
  const { defaults, maxBindings, timeoutMs, signal } = options;
  const consumers = new ConsumerSet();
  const problems: Problem[] = [];
  const failures: string[] = [];
  for (const provider of providers) {
    const answer = await firstSnapshot(clock, (watch) => provider.watch(watch), { timeoutMs, signal });
    if (answer.ok) problems.push(...consumers.take(provider.name, answer.item));
    else failures.push(`${provider.name} cannot be asked: ${answer.reason}`);
  }
  const computed = computeBindings(consumers.consumers, { maxBindings });
  const bindings = [...computed.bindings.values()];
  problems.push(...computed.problems);
  const services = await Promise.all(
    [...neededPools(bindings, defaults).values()].map(async (service): Promise<ServiceFinding> => {
      const discovery = discoveries.get(service.discovery);
      if (discovery === undefined) return { kind: 'failed', service, reason: 'no such discovery' };
      const open = (watch: { readonly signal: AbortSignal }): ReturnType<Discovery['watch']> =>
        discovery.watch(service.service, watch);
      const answer = await firstSnapshot(clock, open, { timeoutMs, signal });
      if (!answer.ok) return { kind: 'failed', service, reason: answer.reason };
      if (answer.item.kind !== 'snapshot') return { kind: 'failed', service, reason: 'no snapshot' };
      problems.push(...answer.item.problems);
      const pool = new Pool(createBalancer(service.balance), service);
      pool.update(answer.item.endpoints);
      const endpoints = pool.snapshot.state === 'known' ? pool.snapshot.endpoints : [];
      return { kind: 'known', service, endpoints };
    }),
  );
  return { bindings, services, problems, failures };
}

type Answer<T> = { readonly ok: true; readonly item: T } | { readonly ok: false; readonly reason: string };

/** The first item that tells something; the last reason given for its absence when the time is over. */
async function firstSnapshot<T extends { readonly kind: string }>(
  clock: Clock,
  open: (watch: { readonly signal: AbortSignal }) => AsyncIterable<T>,
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<Answer<T>> {
  const limit = new AbortController();
  const cancel = clock.schedule(options.timeoutMs, () => {
    limit.abort();
  });
  let reason = `no answer within ${options.timeoutMs / 1000} s`;
  try {
    for await (const item of open({ signal: AbortSignal.any([options.signal, limit.signal]) })) {
      if (item.kind === 'unreachable' || item.kind === 'forbidden') {
        if ('reason' in item && typeof item.reason === 'string') reason = item.reason;
        continue;
      }
      return { ok: true, item };
    }
    return { ok: false, reason };
  } finally {
    cancel();
  }
}
