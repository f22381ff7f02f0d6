import { poolKeyOf } from '../domain/pool-key.ts';
import { ResolveError } from '../ports/resolver.ts';
import { computeBindings } from './compute-bindings.ts';
import { ConsumerSet } from './consumer-set.ts';
import { chooseEndpoints } from './pool-endpoints.ts';
import { hostNamesOf, resolveEndpoints } from './resolve-endpoints.ts';
import { neededPools } from './routing.ts';
import type { AccessPolicy } from '../domain/access-policy.ts';
import type { Binding } from '../domain/binding.ts';
import type { HostName, IpAddress } from '../domain/address.ts';
import type { Endpoint, ToldEndpoint } from '../domain/endpoint.ts';
import type { PoolId, PoolKey } from '../domain/pool-key.ts';
import type { Problem } from '../domain/result.ts';
import type { Clock } from '../ports/clock.ts';
import type { Discovery, DiscoveryItem } from '../ports/discovery.ts';
import type { Provider } from '../ports/provider.ts';
import type { Resolver } from '../ports/resolver.ts';
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
  readonly resolver: Resolver;
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
    readonly policy?: AccessPolicy | undefined;
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
  },
): Promise<Survey> {
  const { clock, providers, discoveries } = dependencies;
  const { defaults, maxBindings, policy, timeoutMs, signal } = options;
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
  const computed = computeBindings(consumers.consumers, { maxBindings, policy });
  problems.push(...computed.problems);
  const findings = new Map<PoolId, ServiceFinding>();
  await Promise.all(
    [...neededPools(computed.bindings.values(), defaults).values()].map(async (key) => {
      const answers = await Promise.all(
        key.discoveries.map(async (name) => {
          const discovery = discoveryOf(discoveries, name);
          const open = (watch: { readonly signal: AbortSignal }): AsyncIterable<DiscoveryItem> =>
            discovery.watch(key.service, watch);
          return firstSnapshot(clock, open, { timeoutMs, signal });
        }),
      );
      const names = hostNamesOf(answers.flatMap(endpointsOf));
      const known = await resolveNames(dependencies, names, { problems, signal });
      findings.set(
        key.id,
        findingOf(key, answers, (name) => known.get(name), problems),
      );
    }),
  );
  const bindings = [...computed.bindings.values()].map((binding) => {
    const service = findings.get(poolKeyOf(binding.descriptor, defaults).id) ?? { kind: 'unknown' as const };
    return { binding, service };
  });
  return { bindings, problems };
}

/** The endpoints that a pool of this key would have. */
function membersOf(
  key: PoolKey,
  told: readonly ToldEndpoint[],
  addressesOf: AddressesOf,
): readonly Endpoint[] {
  return chooseEndpoints(resolveEndpoints(told, addressesOf) ?? [], key);
}

type AddressesOf = (name: HostName) => readonly IpAddress[] | undefined;

/** Asks once for the addresses of each name; one without any is a problem. */
async function resolveNames(
  dependencies: Pick<SurveyDependencies, 'resolver'>,
  names: ReadonlySet<HostName>,
  options: { readonly problems: Problem[]; readonly signal: AbortSignal },
): Promise<ReadonlyMap<HostName, readonly IpAddress[]>> {
  const { problems, signal } = options;
  const known = new Map<HostName, readonly IpAddress[]>();
  for (const name of names) {
    try {
      known.set(name, await dependencies.resolver.resolve(name, { signal }));
    } catch (error) {
      if (!(error instanceof ResolveError)) throw error;
      problems.push({ place: `host name ${name}`, message: `cannot be resolved: ${error.message}` });
    }
  }
  return known;
}

function endpointsOf(answer: Answer<DiscoveryItem>): readonly ToldEndpoint[] {
  return answer.ok && answer.item.kind === 'snapshot' ? answer.item.endpoints : [];
}

/** What the first answer with endpoints says; else the first trouble; else that there are none. */
function findingOf(
  key: PoolKey,
  answers: readonly Answer<DiscoveryItem>[],
  addressesOf: AddressesOf,
  problems: Problem[],
): ServiceFinding {
  const found = answers.map((answer): ServiceFinding => {
    if (!answer.ok) return answer.trouble ?? { kind: 'unknown' };
    if (answer.item.kind !== 'snapshot') return { kind: 'unknown' };
    problems.push(...answer.item.problems);
    return { kind: 'known', endpoints: membersOf(key, answer.item.endpoints, addressesOf) };
  });
  return (
    found.find((finding) => finding.kind === 'known' && finding.endpoints.length > 0) ??
    found.find(({ kind }) => kind !== 'known') ??
    found[0] ?? { kind: 'unknown' }
  );
}

function discoveryOf(discoveries: ReadonlyMap<string, Discovery>, name: string): Discovery {
  const discovery = discoveries.get(name);
  if (discovery === undefined) throw new Error(`no discovery is called ${name}`);
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
