import assert from 'node:assert/strict';
import fc from 'fast-check';
import { endpointKey } from '../../src/domain/endpoint.ts';
import { address, endpoint } from '../support/endpoints.ts';
import type { Balancer } from '../../src/balancers/balancer.ts';
import type { Balance } from '../../src/domain/balance.ts';
import type { Endpoint } from '../../src/domain/endpoint.ts';
import type { Pick, Picker } from '../../src/domain/route.ts';
import type { Clock } from '../../src/ports/clock.ts';

/** Endpoints that commands speak of, and consumers. */
const ENDPOINTS_MAX = 6;
const SOURCES = ['172.17.0.2', '172.17.0.3', '172.17.0.4'].map(address);

/** What commands know besides the balancer: what it must be checked against. */
export interface Model {
  readonly balance: Balance;
  endpoints: readonly Endpoint[];
  lent: readonly Pick[];
  /** Picks of each key since the set changed or a pick passed one over; for round-robin. */
  turn: Map<string, number>;
}

/** What is tested: a balancer with its newest picker and its time. */
export interface Real {
  readonly balancer: Balancer;
  readonly time: TestTime;
  picker: Picker;
  /** Those before, from which a connection that is just being dialled may still pick. */
  readonly earlier: Picker[];
}

/** A clock of which only the reading is used, moved by hand. */
export class TestTime implements Clock {
  nowMs = 0;

  monotonicMs(): number {
    return this.nowMs;
  }

  wallMs(): number {
    return this.nowMs;
  }

  schedule(): () => void {
    throw new Error('a balancer sets no timer');
  }

  async sleep(): Promise<void> {
    return Promise.reject(new Error('a balancer does not wait'));
  }
}

type Command = fc.Command<Model, Real>;

class Update implements Command {
  readonly #set: readonly (readonly [number, number])[];

  constructor(set: readonly (readonly [number, number])[]) {
    this.#set = set;
  }

  check(): boolean {
    return true;
  }

  run(model: Model, real: Real): void {
    const sorted = [...this.#set].sort(([a], [b]) => a - b);
    model.endpoints = sorted.map(([n, weight]) => endpoint(n, { weight }));
    model.turn = new Map();
    real.earlier.push(real.picker);
    real.picker = real.balancer.update(model.endpoints);
    const slots = real.balancer.slots();
    const eligible = model.endpoints.filter(({ weight }) => weight > 0);
    assert.deepEqual(new Set(slots.map(endpointKey)), new Set(eligible.map(endpointKey)), 'slots');
  }

  toString(): string {
    return `update ${this.#set.map(([n, weight]) => `e${n}*${weight}`).join(' ') || 'to nothing'}`;
  }
}

class PickOne implements Command {
  readonly #tried: readonly number[];
  readonly #source: number;

  constructor(tried: readonly number[], source: number) {
    this.#tried = tried;
    this.#source = source;
  }

  check(): boolean {
    return true;
  }

  run(model: Model, { picker }: Real): void {
    const tried = new Set(this.#tried.map((n) => endpointKey(endpoint(n))));
    const source = SOURCES[this.#source] ?? address('172.17.0.2');
    const pick = picker.pick({ tried, source });
    const left = model.endpoints.filter((each) => each.weight > 0 && !tried.has(endpointKey(each)));
    if (pick === undefined) {
      assert.equal(left.length, 0, 'what can be picked is picked');
      return;
    }
    assert(left.includes(pick.endpoint), 'only a present endpoint with a weight that was not tried');
    checkPolicy(model, { pick, left, isFirst: tried.size === 0 });
    if (model.balance === 'maglev') {
      assert.equal(picker.pick({ tried, source })?.endpoint, pick.endpoint, 'a consumer keeps its endpoint');
    }
    model.lent = [...model.lent, pick];
  }

  toString(): string {
    return this.#tried.length === 0 ? 'pick' : `pick but ${this.#tried.map((n) => `e${n}`).join(' ')}`;
  }
}

class PickLate implements Command {
  readonly #setsAgo: number;

  constructor(setsAgo: number) {
    this.#setsAgo = setsAgo;
  }

  check(): boolean {
    return true;
  }

  run(model: Model, { earlier }: Real): void {
    const [source = address('172.17.0.2')] = SOURCES;
    const pick = earlier.at(-this.#setsAgo)?.pick({ tried: new Set(), source });
    if (pick !== undefined) model.lent = [...model.lent, pick];
    // The turn may be one that the newest picker goes on with.
    model.turn = new Map();
  }

  toString(): string {
    return `pick from ${this.#setsAgo} sets ago`;
  }
}

class Release implements Command {
  readonly #which: number;

  constructor(which: number) {
    this.#which = which;
  }

  check({ lent }: Model): boolean {
    return lent.length > 0;
  }

  run(model: Model): void {
    const index = this.#which % model.lent.length;
    const [pick] = model.lent.slice(index, index + 1);
    // Twice: the second must be a no-op.
    pick?.release();
    pick?.release();
    model.lent = model.lent.filter((_, at) => at !== index);
  }

  toString(): string {
    return 'release';
  }
}

class Observe implements Command {
  readonly #n: number;
  readonly #elapsedMs: number | undefined;

  constructor(n: number, elapsedMs: number | undefined) {
    this.#n = n;
    this.#elapsedMs = elapsedMs;
  }

  check(): boolean {
    return true;
  }

  run(_model: Model, { balancer }: Real): void {
    balancer.observe?.(endpointKey(endpoint(this.#n)), this.#elapsedMs);
  }

  toString(): string {
    return `e${this.#n} ${this.#elapsedMs === undefined ? 'fails' : `answers in ${this.#elapsedMs} ms`}`;
  }
}

class Pass implements Command {
  readonly #ms: number;

  constructor(ms: number) {
    this.#ms = ms;
  }

  check(): boolean {
    return true;
  }

  run(_model: Model, { time }: Real): void {
    time.nowMs += this.#ms;
  }

  toString(): string {
    return `${this.#ms} ms pass`;
  }
}

/** Any sequence of what may happen to a balancer. */
export function commands(): fc.Arbitrary<Iterable<Command>> {
  const n = fc.integer({ min: 0, max: ENDPOINTS_MAX - 1 });
  const set = fc.uniqueArray(fc.tuple(n, fc.integer({ min: 0, max: 4 })), {
    selector: ([each]) => each,
    maxLength: ENDPOINTS_MAX,
  });
  const nobody = fc.constant<number[]>([]);
  const some = fc.uniqueArray(n, { maxLength: ENDPOINTS_MAX });
  const tried = fc.oneof({ weight: 4, arbitrary: nobody }, { weight: 1, arbitrary: some });
  const source = fc.integer({ min: 0, max: SOURCES.length - 1 });
  const picks = fc.tuple(tried, source).map(([left, by]) => new PickOne(left, by));
  return fc.commands(
    [
      set.map((given) => new Update(given)),
      // Picking is what happens most.
      ...[picks, picks, picks],
      fc.integer({ min: 1, max: 3 }).map((setsAgo) => new PickLate(setsAgo)),
      ...[fc.nat(99), fc.nat(99)].map((which) => which.map((index) => new Release(index))),
      fc.tuple(n, fc.option(fc.nat(3_000), { nil: undefined })).map(([who, ms]) => new Observe(who, ms)),
      fc.nat(20_000).map((ms) => new Pass(ms)),
    ],
    { maxCommands: 120, size: '+1' },
  );
}

/** Runs commands on a balancer, then gives everything back and checks that its books are closed. */
export function runCommands(
  balance: Balance,
  balancer: Balancer,
  time: TestTime,
  run: Iterable<Command>,
): void {
  const model: Model = { balance, endpoints: [], lent: [], turn: new Map() };
  const real: Real = { balancer, time, picker: balancer.update([]), earlier: [] };
  fc.modelRun(() => ({ model, real }), run);
  const open = new Set(model.lent.map((pick) => endpointKey(pick.endpoint)));
  const present = model.endpoints.map(endpointKey);
  assert((balancer.size ?? 0) <= new Set([...present, ...open]).size, 'books only of what is there or open');
  for (const pick of model.lent) pick.release();
  assert((balancer.size ?? 0) <= present.length, 'books are closed with the last connection');
}

/** What a policy promises of each pick. */
function checkPolicy(
  model: Model,
  options: { readonly pick: Pick; readonly left: readonly Endpoint[]; readonly isFirst: boolean },
): void {
  const { pick, left, isFirst } = options;
  const key = endpointKey(pick.endpoint);
  const openOf = (each: Endpoint): number =>
    model.lent.filter((one) => endpointKey(one.endpoint) === endpointKey(each)).length;
  switch (model.balance) {
    case 'least-connections':
      for (const other of left) {
        const isBusier = openOf(pick.endpoint) * other.weight > openOf(other) * pick.endpoint.weight;
        assert(!isBusier, 'never a strictly busier endpoint');
      }
      break;
    case 'round-robin': {
      if (!isFirst) {
        model.turn = new Map();
        break;
      }
      model.turn.set(key, (model.turn.get(key) ?? 0) + 1);
      const total = [...model.turn.values()].reduce((sum, count) => sum + count, 0);
      const divisor = left.reduce((sum, { weight }) => greatestCommonDivisor(sum, weight), 0);
      const slots = left.reduce((sum, { weight }) => sum + weight / divisor, 0);
      for (const each of left) {
        const [count, share] = [model.turn.get(endpointKey(each)) ?? 0, each.weight / divisor];
        const turns = total / slots;
        const isWithin = count >= Math.floor(turns) * share && count <= Math.ceil(turns) * share;
        assert(isWithin, 'its share in each turn');
      }
      break;
    }
    case 'power-of-two': {
      const busiest = left.filter((each) => each !== pick.endpoint);
      const isBusiest = busiest.every(
        (other) => openOf(pick.endpoint) * other.weight > openOf(other) * pick.endpoint.weight,
      );
      assert(left.length === 1 || !isBusiest, 'never the busiest of all');
      break;
    }
    case 'random':
    case 'peak-ewma':
    case 'maglev':
      break;
  }
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
