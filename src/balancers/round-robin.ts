import { endpointKey } from '../domain/endpoint.ts';
import { layOutTurn } from './slots.ts';
import type { Endpoint } from '../domain/endpoint.ts';
import type { Pick, Picker, PickRequest } from '../domain/route.ts';
import type { Balancer } from './balancer.ts';

/** Where a turn stands; shared by the pickers of one unchanged set. */
interface Turn {
  readonly slots: readonly number[];
  position: number;
}

/**
 * Each endpoint in turn, as often as its weight says [C6]. Over a stable set every turn is exact. When the
 * set changes, an endpoint keeps its place: who has waited longest comes first and newcomers come last, so
 * that steady churn starves nobody.
 */
export class RoundRobin implements Balancer {
  #picker = new RoundRobinPicker([], { slots: [], position: 0 });

  update(endpoints: readonly Endpoint[]): Picker {
    const eligible = endpoints.filter((endpoint) => endpoint.weight > 0);
    const old = this.#picker;
    const renewed = renew(old.endpoints, eligible);
    if (renewed !== undefined) {
      this.#picker = new RoundRobinPicker(renewed, old.turn);
      return this.#picker;
    }
    const due = old.due();
    const shares = eligible
      .map((endpoint) => ({ endpoint, weight: endpoint.weight, due: due.get(endpointKey(endpoint)) }))
      .sort((a, b) => (a.due ?? Infinity) - (b.due ?? Infinity));
    const slots = layOutTurn(shares.map(({ weight, due: at }) => ({ weight, due: at ?? 1 / weight })));
    this.#picker = new RoundRobinPicker(
      shares.map((share) => share.endpoint),
      { slots, position: 0 },
    );
    return this.#picker;
  }

  slots(): readonly Endpoint[] {
    const { endpoints, turn } = this.#picker;
    return turn.slots.flatMap((index) => endpoints[index] ?? []);
  }
}

class RoundRobinPicker implements Picker {
  readonly endpoints: readonly Endpoint[];
  readonly turn: Turn;
  /** The keys of the endpoints, written out once and not for each connection. */
  readonly #keys: readonly string[];

  constructor(endpoints: readonly Endpoint[], turn: Turn) {
    this.endpoints = endpoints;
    this.#keys = endpoints.map(endpointKey);
    this.turn = turn;
    Object.freeze(this);
  }

  pick(request: PickRequest): Pick | undefined {
    const { slots } = this.turn;
    for (let left = slots.length; left > 0; left -= 1) {
      const index = slots[this.turn.position] ?? -1;
      const [endpoint, key] = [this.endpoints[index], this.#keys[index]];
      this.turn.position = (this.turn.position + 1) % slots.length;
      if (endpoint !== undefined && key !== undefined && !request.tried.has(key)) {
        return { endpoint, release: () => undefined };
      }
    }
    return undefined;
  }

  /** When each endpoint, by key, is due next: a part of a turn in (0, 1]. */
  due(): ReadonlyMap<string, number> {
    const { slots, position } = this.turn;
    const due = new Map<string, number>();
    for (let step = 0; step < slots.length; step += 1) {
      const key = this.#keys[slots[(position + step) % slots.length] ?? -1];
      if (key !== undefined && !due.has(key)) due.set(key, (step + 1) / slots.length);
    }
    return due;
  }
}

/**
 * The new endpoints in the order of the old, when every address keeps its weight and only other data changed;
 * undefined when the turn must be laid out anew.
 */
function renew(old: readonly Endpoint[], next: readonly Endpoint[]): readonly Endpoint[] | undefined {
  if (old.length !== next.length) return undefined;
  const byKey = new Map(next.map((endpoint) => [endpointKey(endpoint), endpoint]));
  const renewed = old.flatMap((endpoint) => {
    const same = byKey.get(endpointKey(endpoint));
    return same?.weight === endpoint.weight ? [same] : [];
  });
  return renewed.length === next.length ? renewed : undefined;
}
