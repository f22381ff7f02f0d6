import assert from 'node:assert/strict';
import { bindingId } from '../../src/domain/binding.ts';
import { endpointKey } from '../../src/domain/endpoint.ts';
import { RoutingTable } from '../../src/domain/routing-table.ts';
import { port } from './endpoints.ts';
import type { IpAddress, Port } from '../../src/domain/address.ts';
import type { Binding } from '../../src/domain/binding.ts';
import type { Endpoint } from '../../src/domain/endpoint.ts';
import type { PoolSnapshot } from '../../src/domain/route.ts';
import type { Proxier } from '../../src/ports/proxier.ts';
import type { Attempt } from './proxier-attempt.ts';

/** A refusal takes no longer than this [C5]. */
export const REFUSED_WITHIN_MS = 100;

/** How often it is tried whether a proxier that stops still takes something. */
const TRIES_MAX = 120;

/** A proxier with consumers on one side and endpoints on the other. */
export interface ProxierWorld extends AsyncDisposable {
  /** Open, and has got no table yet. */
  readonly proxier: Proxier;
  /** How long a connection to an unknown service waits, in milliseconds. */
  readonly unknownWaitMs: number;
  /**
   * How far an endpoint's part of many connections may be from its share, as a part of all: 0 where every
   * turn is exact.
   */
  readonly imbalanceMax: number;
  /** Whether what the proxier carries goes on when it is stopped, and is not the proxier's to end. */
  readonly outlives: boolean;
  /** The address of the n-th consumer, n from 0 to 999; all are distinct. */
  consumer(n: number): IpAddress;
  /** Starts another endpoint, of weight 1: it says its `endpointKey` in a line, then returns what it gets. */
  serve(): Promise<Endpoint>;
  /** How many connections are open at an endpoint that was started. */
  openAt(endpoint: Endpoint): Promise<number>;
  /** Dials the virtual IP at a port from a consumer's address. */
  dial(source: IpAddress, port: Port): Attempt;
  /** Lets so much time pass on the proxier's clock, 0 or more, and everything due then happen. */
  pass(ms: number): Promise<void>;
  /** What a disposed proxier still holds, in words; waits a little for what is just ending. */
  leftovers(): Promise<readonly string[]>;
}

/** A world that cannot be had here, and why. */
export interface NoWorld {
  readonly skip: string;
}

/** A binding with its pool. */
export type Row = readonly [Binding, PoolSnapshot];

/** Two consumers and two endpoints. */
export async function twoAndTwo(
  world: ProxierWorld,
): Promise<readonly [IpAddress, IpAddress, Endpoint, Endpoint]> {
  return [world.consumer(0), world.consumer(1), await world.serve(), await world.serve()];
}

/** Makes a table of routes. */
export function table(version: number, ...rows: readonly Row[]): RoutingTable {
  const sorted = [...rows].sort(([a], [b]) => (a.id < b.id ? -1 : 1));
  return new RoutingTable(
    version,
    new Map(
      sorted.map(([bound, pool]) => [bindingId(bound.address, 'tcp', bound.port), { binding: bound, pool }]),
    ),
  );
}

/** Dials, and checks that an endpoint answers. */
export async function served(world: ProxierWorld, source: IpAddress, at: number): Promise<Attempt> {
  const attempt = world.dial(source, port(at));
  assert.equal(await attempt.answer(), 'served', `${source} to port ${at} must be served`);
  return attempt;
}

/** Dials, and checks that it is refused before any byte and in time. */
export async function refusedAtOnce(world: ProxierWorld, source: IpAddress, at: number): Promise<void> {
  const attempt = world.dial(source, port(at));
  assert.equal(await attempt.answer(), 'refused', `${source} to port ${at} must be refused`);
  assert.ok(attempt.afterMs <= REFUSED_WITHIN_MS, `refused after ${attempt.afterMs} ms`);
}

/** A connection that the proxier has taken and that waits. */
export async function waiting(world: ProxierWorld, source: IpAddress, at: number): Promise<Attempt> {
  const attempt = world.dial(source, port(at));
  await attempt.opened();
  await world.pass(0);
  assert.equal(attempt.state, 'dialling', `${source} to port ${at} must wait`);
  return attempt;
}

/** Checks that each endpoint got its weight's part of the connections. */
export function sharedOut(world: ProxierWorld, by: readonly string[], endpoints: readonly Endpoint[]): void {
  const sum = endpoints.reduce((total, { weight }) => total + weight, 0);
  for (const endpoint of endpoints) {
    const got = by.filter((key) => key === endpointKey(endpoint)).length / by.length;
    const off = Math.abs(got - endpoint.weight / sum);
    const allowed = endpoint.weight === 0 ? 0 : world.imbalanceMax;
    assert.ok(
      off <= allowed + Number.EPSILON,
      `${endpointKey(endpoint)} of weight ${endpoint.weight} got ${got}`,
    );
  }
}

/** Resolves when a stop has come so far that nothing new is taken, which may need a command to end. */
export async function takesNothingNew(world: ProxierWorld, source: IpAddress): Promise<void> {
  for (let n = 0; n < TRIES_MAX; n += 1) {
    const attempt = world.dial(source, port(80));
    if ((await attempt.answer()) === 'refused') {
      // The socket is closed; the proxier may still have to hear of it.
      await world.pass(0);
      return;
    }
    attempt.reset();
  }
  assert.fail('new connections are taken still');
}

/** What was open when the proxier ended is cut, where it does not go on without one. */
export async function goesOnOrIsLost(world: ProxierWorld, open: Attempt): Promise<void> {
  if (world.outlives) assert.equal(await open.echo('still here'), 'served');
  else assert.equal(await open.end(), 'lost');
}

/** How many connections a stop cut, once it is done; undefined before. */
export function outcomeOf(draining: Promise<number>): {
  cut: number | undefined;
  readonly done: Promise<number>;
} {
  const outcome: { cut: number | undefined; readonly done: Promise<number> } = {
    cut: undefined,
    done: draining,
  };
  void draining.then((cut) => {
    outcome.cut = cut;
  });
  return outcome;
}
