import { isAllowed } from '../domain/access-policy.ts';
import { bindingId } from '../domain/binding.ts';
import { compareStartedAt } from '../domain/consumer.ts';
import type { AccessPolicy } from '../domain/access-policy.ts';
import type { Binding, BindingId } from '../domain/binding.ts';
import type { Consumer, ConsumerAddress, WantedBinding } from '../domain/consumer.ts';
import type { Problem } from '../domain/result.ts';

/** Bindings by id, in the order of ids, and what could not be bound. */
export interface ComputedBindings {
  readonly bindings: ReadonlyMap<BindingId, Binding>;
  readonly problems: readonly Problem[];
  /** What a policy denied: a connection there is refused for that reason. */
  readonly denied: ReadonlySet<BindingId>;
  /** How many consumers have more wishes than count. */
  readonly overLimit: number;
}

/**
 * Tells which bindings a set of consumers makes.
 *
 * Three rules decide between rivals. An address that two lives of the network claim belongs to the later one:
 * it changed hands, and the earlier claim is what an event we missed left behind [C10]. Among the consumers
 * of one address (one network namespace) its owner wins, then the earliest started, then the lower id; within
 * one consumer the first written wins [C2]. The loser is a problem that names both places; it takes over when
 * the winner goes, because this function is asked again.
 *
 * @param consumers - Everyone who can use the network now, also those who want nothing: they too hold
 *   addresses.
 * @param maxBindings - The most wishes of one consumer that count [C2].
 * @param policy - Which containers may use which services; undefined: every one, all.
 *
 * Pure; O(n log n) over all wishes and addresses.
 */
export function computeBindings(
  consumers: readonly Consumer[],
  options: { readonly maxBindings: number; readonly policy?: AccessPolicy | undefined },
): ComputedBindings {
  const holders = addressHolders(consumers);
  const bindings = new Map<BindingId, Binding>();
  const denied = new Set<BindingId>();
  const problems: Problem[] = [];
  let overLimit = 0;
  for (const consumer of [...consumers].sort(byPrecedence)) {
    const wants = consumer.wants.slice(0, options.maxBindings);
    const [firstOver] = consumer.wants.slice(options.maxBindings);
    if (firstOver !== undefined) {
      const over = consumer.wants.length - options.maxBindings;
      const message =
        `${over} of ${consumer.wants.length} bindings are over the limit of ${options.maxBindings} ` +
        '(--max-bindings) and left out';
      problems.push({ place: placeOf(consumer, firstOver), message });
      overLimit += 1;
    }
    const held = consumer.addresses.filter((at) => holders.get(at.address)?.endpointId === at.endpointId);
    for (const wanted of wants) {
      const lostTo = new Set<string>();
      const deniedAt = new Set<string>();
      for (const at of held) {
        const binding = bind(consumer, at, wanted);
        if (!mayBind(options.policy, consumer, at, wanted)) {
          deniedAt.add(at.network);
          denied.add(binding.id);
          continue;
        }
        const winner = bindings.get(binding.id);
        if (winner === undefined) bindings.set(binding.id, binding);
        else lostTo.add(winner.place);
      }
      if (deniedAt.size > 0) {
        const message = denialOf(options.policy, wanted, deniedAt);
        problems.push({ place: placeOf(consumer, wanted), message });
      }
      for (const winner of lostTo) {
        const { port, protocol } = wanted.descriptor;
        const message = `port ${port}/${protocol} is already bound by ${winner}; this one waits for its end`;
        problems.push({ place: placeOf(consumer, wanted), message });
      }
    }
  }
  const sorted = [...bindings].sort(([a], [b]) => (a < b ? -1 : 1));
  // Of several that share an address one may be allowed what another is denied.
  for (const id of bindings.keys()) denied.delete(id);
  return { bindings: new Map(sorted), problems, denied, overLimit };
}

/** Who holds each address: of several lives of the network, the one that started last. */
function addressHolders(consumers: readonly Consumer[]): ReadonlyMap<string, ConsumerAddress> {
  const holders = new Map<string, { readonly at: ConsumerAddress; readonly startedAt: string }>();
  for (const consumer of consumers) {
    if (consumer.namespaceOwner !== undefined) continue;
    for (const at of consumer.addresses) {
      const holder = holders.get(at.address);
      const order = holder === undefined ? -1 : compareStartedAt(holder.startedAt, consumer.startedAt);
      const isLater = order === 0 ? at.endpointId > (holder?.at.endpointId ?? '') : order < 0;
      if (isLater) holders.set(at.address, { at, startedAt: consumer.startedAt });
    }
  }
  for (const consumer of consumers) {
    for (const at of consumer.addresses) {
      if (!holders.has(at.address)) holders.set(at.address, { at, startedAt: consumer.startedAt });
    }
  }
  return new Map([...holders].map(([address, holder]) => [address, holder.at]));
}

function byPrecedence(a: Consumer, b: Consumer): number {
  const owner = Number(a.namespaceOwner !== undefined) - Number(b.namespaceOwner !== undefined);
  if (owner !== 0) return owner;
  return compareStartedAt(a.startedAt, b.startedAt) || (a.id < b.id ? -1 : 1);
}

function bind(consumer: Consumer, at: ConsumerAddress, wanted: WantedBinding): Binding {
  const { port, protocol } = wanted.descriptor;
  return {
    id: bindingId(at.address, protocol, port),
    owner: { consumer: consumer.id, startedAt: consumer.startedAt, endpointId: at.endpointId },
    address: at.address,
    port,
    protocol,
    descriptor: wanted.descriptor,
    consumerName: consumer.name,
    place: placeOf(consumer, wanted),
  };
}

/** The static services are the operator's own: no policy is about them. */
function mayBind(
  policy: AccessPolicy | undefined,
  { name, traits }: Consumer,
  { network }: ConsumerAddress,
  { descriptor: { service } }: WantedBinding,
): boolean {
  if (policy === undefined || traits === undefined) return true;
  return isAllowed(policy, { name, network, service, ...traits });
}

function denialOf(
  policy: AccessPolicy | undefined,
  { descriptor: { service } }: WantedBinding,
  networks: ReadonlySet<string>,
): string {
  const where = [...networks].sort().join(', ');
  return (
    `no rule of the access policy (${policy?.source ?? ''}) lets it use ${service} from network ${where}; ` +
    'it is refused there'
  );
}

function placeOf(consumer: Consumer, wanted: WantedBinding): string {
  return consumer.id === 'static' ? wanted.place : `container ${consumer.name}, ${wanted.place}`;
}
