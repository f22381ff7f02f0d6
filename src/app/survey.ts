import { poolKeyOf } from '../domain/pool-key.ts';
import { createBalancer } from '../balancers/policies.ts';
import { computeBindings } from './compute-bindings.ts';
import { ConsumerSet } from './consumer-set.ts';
import { Pool } from './pool.ts';
import { neededPools } from './routing.ts';
import type { Binding } from '../domain/binding.ts';
import type { Endpoint } from '../domain/endpoint.ts';
import type { PoolId, PoolKey } from '../domain/pool-key.ts';
import type { Problem } from '../domain/result.ts';
import type { Clock } from '../ports/clock.ts';
import type { Discovery, DiscoveryItem } from '../ports/discovery.ts';
import type { Provider } from '../ports/provider.ts';
import type { RoutingDefaults } from './routing.ts';

/** What a service's discovery answered within the time limit. */
export type ServiceFinding =
  | { readonly kind: 'known'; readonly endpoints: readonly Endpoint[] }
  /** No answer at all. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'unreachable' | 'forbidden'; readonly reason: string };

/** What would be bound, and to what. */
export interface Survey {
  readonly bindings: readonly { readonly binding: Binding; readonly service: ServiceFinding }[];
  /** Also the providers that did not answer. */
  readonly problems: readonly Problem[];
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
  for (const provider of providers) {
    const answer = await firstSnapshot(clock, (watch) => provider.watch(watch), { timeoutMs, signal });
    if (answer.ok) problems.push(...consumers.take(provider.name, answer.item));
    else
      problems.push({
        place: provider.name,
        message: `cannot be asked: ${answer.trouble?.reason ?? 'no answer'}`,
      });
  }
  const computed = computeBindings(consumers.consumers, { maxBindings });
  problems.push(...computed.problems);
  const findings = new Map<PoolId, ServiceFinding>();
  await Promise.all(
    [...neededPools(computed.bindings.values(), defaults).values()].map(async (key) => {
      const open = (watch: { readonly signal: AbortSignal }): AsyncIterable<DiscoveryItem> =>
        discoveryOf(discoveries, key).watch(key.service, watch);
      const answer = await firstSnapshot(clock, open, { timeoutMs, signal });
      if (answer.ok && answer.item.kind === 'snapshot') {
        problems.push(...answer.item.problems);
        findings.set(key.id, { kind: 'known', endpoints: membersOf(key, answer.item.endpoints) });
      } else if (!answer.ok && answer.trouble !== undefined) {
        findings.set(key.id, answer.trouble);
      }
    }),
  );
  const bindings = [...computed.bindings.values()].map((binding) => {
    const service = findings.get(poolKeyOf(binding.descriptor, defaults).id) ?? { kind: 'unknown' as const };
    return { binding, service };
  });
  return { bindings, problems };
}

/** The endpoints that a pool of this key would have. */
function membersOf(key: PoolKey, endpoints: readonly Endpoint[]): readonly Endpoint[] {
  const pool = new Pool(createBalancer(key.balance), key);
  pool.update(endpoints);
  return pool.snapshot.state === 'known' ? pool.snapshot.endpoints : [];
}

function discoveryOf(discoveries: ReadonlyMap<string, Discovery>, key: PoolKey): Discovery {
  const discovery = discoveries.get(key.discovery);
  if (discovery === undefined) throw new Error(`no discovery is called ${key.discovery}`);
  return discovery;
}

/** Why a source told nothing. */
interface Trouble {
  readonly kind: 'unreachable' | 'forbidden';
  readonly reason: string;
}

type Telling = { readonly kind: 'snapshot' } | { readonly kind: 'changes' } | Trouble;

type Answer<T> =
  | { readonly ok: true; readonly item: Exclude<T, Trouble> }
  | { readonly ok: false; readonly trouble: Trouble | undefined };

/** The first item that tells something; else the last trouble, if any, when the time is over. */
async function firstSnapshot<T extends Telling>(
  clock: Clock,
  open: (watch: { readonly signal: AbortSignal }) => AsyncIterable<T>,
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<Answer<T>> {
  const limit = new AbortController();
  const cancel = clock.schedule(options.timeoutMs, () => {
    limit.abort();
  });
  let trouble: Trouble | undefined;
  try {
    for await (const item of open({ signal: AbortSignal.any([options.signal, limit.signal]) })) {
      if (item.kind !== 'unreachable' && item.kind !== 'forbidden') {
        return { ok: true, item: item as Exclude<T, Trouble> };
      }
      trouble = item;
    }
    return { ok: false, trouble };
  } finally {
    cancel();
  }
}
