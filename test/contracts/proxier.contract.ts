import assert from 'node:assert/strict';
import { endpointKey } from '../../src/domain/endpoint.ts';
import { binding, poolOf } from '../support/bindings.ts';
import { port } from '../support/endpoints.ts';
import {
  goesOnOrIsLost,
  outcomeOf,
  REFUSED_WITHIN_MS,
  refusedAtOnce,
  served,
  sharedOut,
  table,
  takesNothingNew,
  twoAndTwo,
  waiting,
} from '../support/proxier-world.ts';
import type { IpAddress } from '../../src/domain/address.ts';
import type { Binding } from '../../src/domain/binding.ts';
import type { Attempt } from '../support/proxier-attempt.ts';
import type { NoWorld, ProxierWorld, Row } from '../support/proxier-world.ts';

/** Bindings of the great table: so many consumers with so many ports each. */
const MANY_CONSUMERS = 250;
const MANY_PORTS = 4;

/** Connections that are dialled at once. */
const MANY_ATTEMPTS = 120;

const DEADLINE_MS = 8_000;

const never = new AbortController().signal;

/** Makes a test that runs in a fresh world, or is skipped with the reason in its title. */
type On = (run: (world: ProxierWorld) => Promise<void>) => Mocha.AsyncFunc;

/**
 * Checks what the port promises on one kind of data plane.
 *
 * @param setup - A fresh world for each test.
 */
export function describeProxierContract(name: string, setup: () => Promise<ProxierWorld | NoWorld>): void {
  describe(`${name} keeps the contract of Proxier`, () => {
    let opened: ProxierWorld | undefined;

    // In a hook, so that a world is left also when its test runs out of time.
    afterEach(async () => {
      await opened?.[Symbol.asyncDispose]();
      opened = undefined;
    });

    const on: On = (run) =>
      async function (): Promise<void> {
        const world = await setup();
        if ('skip' in world) {
          if (this.test !== undefined) this.test.title += ` (skipped: ${world.skip})`;
          return this.skip();
        }
        opened = world;
        await run(world);
      };

    describeRouting(on);
    describeBalancing(on);
    describeUnknown(on);
    describeChanges(on);
    describeStop(on);
  });
}

function describeRouting(on: On): void {
  it(
    '[C5] carries bytes both ways until both sides have ended',
    on(async (world) => {
      const [c0, , e0] = await twoAndTwo(world);
      await world.proxier.sync(table(1, [binding(c0, '/a;80'), poolOf('/a;80', [e0])]));
      const attempt = await served(world, c0, 80);
      assert.equal(attempt.by, endpointKey(e0));
      assert.equal(await attempt.echo('to and fro'), 'served');
      assert.equal(await attempt.finish(), 'finished');
    }),
  );

  it(
    '[C5] ends with a consumer that never said a word',
    on(async (world) => {
      const [c0, , e0] = await twoAndTwo(world);
      await world.proxier.sync(table(1, [binding(c0, '/a;80'), poolOf('/a;80', [e0])]));
      const attempt = await served(world, c0, 80);
      assert.equal(await attempt.finish(), 'finished');
    }),
  );

  it(
    '[C5] lets two consumers bind one port to two services, and one consumer two ports',
    on(async (world) => {
      const [c0, c1, e0, e1] = await twoAndTwo(world);
      const [a, b] = [poolOf('/a;80', [e0]), poolOf('/b;80', [e1])];
      await world.proxier.sync(
        table(1, [binding(c0, '/a;80'), a], [binding(c0, '/b;81'), b], [binding(c1, '/b;80', 'c2'), b]),
      );
      const attempts = [
        await served(world, c0, 80),
        await served(world, c0, 81),
        await served(world, c1, 80),
      ];
      assert.deepEqual(
        attempts.map(({ by }) => by),
        [e0, e1, e1].map(endpointKey),
      );
    }),
  );

  it(
    '[D01] refuses at once, before any byte, whoever and whatever is not bound',
    on(async (world) => {
      const [c0, c1, e0] = await twoAndTwo(world);
      await refusedAtOnce(world, c0, 80);
      await world.proxier.sync(table(1, [binding(c0, '/a;80'), poolOf('/a;80', [e0])]));
      await served(world, c0, 80);
      await refusedAtOnce(world, c1, 80);
      await refusedAtOnce(world, c0, 81);
      assert.equal(await world.openAt(e0), 1, 'no endpoint may hear of a refused connection');
    }),
  );

  it(
    '[C5] looks a wildcard binding up after the exact one',
    on(async (world) => {
      const [c0, c1, e0, e1] = await twoAndTwo(world);
      await world.proxier.sync(
        table(
          1,
          [binding('*', '/any;80', 'static'), poolOf('/any;80', [e0])],
          [binding(c0, '/own;80'), poolOf('/own;80', [e1])],
        ),
      );
      assert.equal((await served(world, c0, 80)).by, endpointKey(e1));
      assert.equal((await served(world, c1, 80)).by, endpointKey(e0));
    }),
  );

  it(
    'carries a thousand bindings, and refuses those that leave the table',
    on(async (world) => {
      const [e0, e1] = [await world.serve(), await world.serve()];
      const pools = [poolOf('/a;80', [e0]), poolOf('/b;80', [e1])] as const;
      const rows = Array.from({ length: MANY_CONSUMERS * MANY_PORTS }, (_, n): Row => {
        const [consumer, portNumber] = [Math.floor(n / MANY_PORTS), 80 + (n % MANY_PORTS)];
        const [service, pool] = n % 3 === 0 ? ['/a', pools[0]] : ['/b', pools[1]];
        return [binding(world.consumer(consumer), `${service};${portNumber}`, `c${consumer}`), pool];
      });
      await world.proxier.sync(table(1, ...rows));
      for (let n = 0; n < rows.length; n += 41) {
        const attempt = await served(
          world,
          world.consumer(Math.floor(n / MANY_PORTS)),
          80 + (n % MANY_PORTS),
        );
        assert.equal(attempt.by, endpointKey(n % 3 === 0 ? e0 : e1), `binding ${n}`);
        attempt.reset();
      }
      await world.proxier.sync(table(2, ...rows.filter((_, n) => n % 2 === 0)));
      await refusedAtOnce(world, world.consumer(100), 81);
      await served(world, world.consumer(100), 80);
    }),
  );
}

function describeBalancing(on: On): void {
  it(
    "[C6] gives each endpoint its turn, which is the pool's and not the consumer's",
    on(async (world) => {
      const [c0, c1, e0, e1] = await twoAndTwo(world);
      const endpoints = [e0, e1, await world.serve()];
      const pool = poolOf('/a;80', endpoints);
      await world.proxier.sync(table(1, [binding(c0, '/a;80'), pool], [binding(c1, '/a;81', 'c2'), pool]));
      const turn: string[] = [];
      for (let n = 0; n < 12; n += 1) {
        turn.push((await served(world, n % 2 === 0 ? c0 : c1, n % 2 === 0 ? 80 : 81)).by);
      }
      sharedOut(world, turn, endpoints);
      for (let n = 0; world.imbalanceMax === 0 && n + 3 <= turn.length; n += 1) {
        assert.equal(new Set(turn.slice(n, n + 3)).size, 3, `each once in any three: ${turn.join(' ')}`);
      }
    }),
  );

  it(
    '[C6] gives two services that are dialled in turns each its own turn',
    on(async (world) => {
      const [c0, , e0, e1] = await twoAndTwo(world);
      const endpoints = [e0, e1, await world.serve(), await world.serve()];
      const [a, b] = [poolOf('/a;80', endpoints), poolOf('/b;80', endpoints)];
      await world.proxier.sync(table(1, [binding(c0, '/a;80'), a], [binding(c0, '/b;81'), b]));
      const turns: readonly [string[], string[]] = [[], []];
      for (let n = 0; n < 8; n += 1) {
        turns[0].push((await served(world, c0, 80)).by);
        turns[1].push((await served(world, c0, 81)).by);
      }
      // One counter for both would give each of them half of the endpoints.
      for (const turn of turns) sharedOut(world, turn, endpoints);
    }),
  );

  it(
    '[C6] respects weights; weight 0 gets nothing',
    on(async (world) => {
      const [c0, , e0, e1] = await twoAndTwo(world);
      const endpoints = [e0, { ...e1, weight: 3 }, { ...(await world.serve()), weight: 0 }];
      await world.proxier.sync(table(1, [binding(c0, '/a;80'), poolOf('/a;80', endpoints)]));
      const turn: string[] = [];
      for (let n = 0; n < 40; n += 1) turn.push((await served(world, c0, 80)).by);
      sharedOut(world, turn, endpoints);
    }),
  );

  it(
    'shares connections out evenly that come all at once',
    on(async (world) => {
      const [c0, c1, e0, e1] = await twoAndTwo(world);
      const pool = poolOf('/a;80', [e0, e1]);
      await world.proxier.sync(table(1, [binding(c0, '/a;80'), pool], [binding(c1, '/a;80', 'c2'), pool]));
      const attempts = Array.from({ length: MANY_ATTEMPTS }, (_, n) =>
        world.dial(n % 2 === 0 ? c0 : c1, port(80)),
      );
      for (const attempt of attempts) assert.equal(await attempt.answer(), 'served');
      sharedOut(
        world,
        attempts.map(({ by }) => by),
        [e0, e1],
      );
    }),
  );
}

function describeUnknown(on: On): void {
  it(
    '[C5] [P33] lets a connection to an unknown service wait, and serves it when it is known',
    on(async (world) => {
      const [c0, , e0] = await twoAndTwo(world);
      const bound = binding(c0, '/a;80');
      await world.proxier.sync(table(1, [bound, poolOf('/a;80', undefined)]));
      const attempt = world.dial(c0, port(80));
      await world.pass(world.unknownWaitMs - 1_000);
      await world.proxier.sync(table(2, [bound, poolOf('/a;80', undefined)]));
      await world.pass(0);
      assert.equal(attempt.state, 'dialling');
      await world.proxier.sync(table(3, [bound, poolOf('/a;80', [e0])]));
      assert.equal(await attempt.answer(), 'served');
    }),
  );

  it(
    '[C5] [P33] refuses a connection to a service that stays unknown, after the wait and not before',
    on(async (world) => {
      const [c0] = await twoAndTwo(world);
      await world.proxier.sync(table(1, [binding(c0, '/a;80'), poolOf('/a;80', undefined)]));
      const attempt = await waiting(world, c0, 80);
      await world.pass(world.unknownWaitMs - REFUSED_WITHIN_MS);
      assert.equal(attempt.state, 'dialling');
      await world.pass(2 * REFUSED_WITHIN_MS);
      assert.equal(await attempt.answer(), 'refused');
    }),
  );

  const changes: readonly {
    readonly name: string;
    readonly next: (source: IpAddress) => Binding | undefined;
  }[] = [
    { name: 'is gone', next: () => undefined },
    { name: 'changed hands', next: (source) => binding(source, '/a;80', 'another') },
  ];
  for (const { name, next } of changes) {
    it(
      `[C10] refuses what waits for an unknown service when its binding ${name}`,
      on(async (world) => {
        const [c0, , e0] = await twoAndTwo(world);
        await world.proxier.sync(table(1, [binding(c0, '/a;80'), poolOf('/a;80', undefined)]));
        const attempt = await waiting(world, c0, 80);
        const bound = next(c0);
        await world.proxier.sync(
          table(2, ...(bound === undefined ? [] : [[bound, poolOf('/a;80', [e0])] as const])),
        );
        assert.equal(await attempt.answer(), 'refused');
        assert.equal(await world.openAt(e0), 0, 'the new binding is not for the old connection');
      }),
    );
  }

  it(
    '[C5] refuses at once when it is known that the service has no endpoint',
    on(async (world) => {
      const [c0, , e0] = await twoAndTwo(world);
      const bound = binding(c0, '/a;80');
      await world.proxier.sync(table(1, [bound, poolOf('/a;80', [])]));
      await refusedAtOnce(world, c0, 80);
      await world.proxier.sync(table(2, [bound, poolOf('/a;80', [e0])]));
      const open = await served(world, c0, 80);
      await world.proxier.sync(table(3, [bound, poolOf('/a;80', [])]));
      await refusedAtOnce(world, c0, 80);
      assert.equal(await open.echo('still here'), 'served', 'what is open goes on');
    }),
  );
}

function describeChanges(on: On): void {
  it(
    'gives new connections to an endpoint that came and none to one that went; open ones go on',
    on(async (world) => {
      const [c0, , e0, e1] = await twoAndTwo(world);
      const bound = binding(c0, '/a;80');
      await world.proxier.sync(table(1, [bound, poolOf('/a;80', [e0])]));
      const first = await served(world, c0, 80);
      await world.proxier.sync(table(2, [bound, poolOf('/a;80', [e0, e1])]));
      const both = [await served(world, c0, 80), await served(world, c0, 80)];
      if (world.imbalanceMax === 0)
        sharedOut(
          world,
          both.map(({ by }) => by),
          [e0, e1],
        );
      await world.proxier.sync(table(3, [bound, poolOf('/a;80', [e1])]));
      for (let n = 0; n < 3; n += 1) assert.equal((await served(world, c0, 80)).by, endpointKey(e1));
      for (const open of [first, ...both]) assert.equal(await open.echo('still here'), 'served');
    }),
  );

  const changes: readonly {
    readonly name: string;
    readonly next: (source: IpAddress) => Binding | undefined;
  }[] = [
    { name: 'is gone', next: () => undefined },
    { name: 'changed hands', next: (source) => binding(source, '/a;80', 'another') },
    { name: 'leads to another service', next: (source) => binding(source, '/b;80') },
  ];
  for (const { name, next } of changes) {
    it(
      `[C10] ends the connections of a binding that ${name}, and no others`,
      on(async (world) => {
        const [c0, c1, e0, e1] = await twoAndTwo(world);
        const [a, b] = [poolOf('/a;80', [e0]), poolOf('/b;80', [e1])];
        const others: readonly Row[] = [
          [binding(c0, '/a;81'), a],
          [binding(c1, '/a;80', 'c2'), a],
        ];
        await world.proxier.sync(table(1, [binding(c0, '/a;80'), a], ...others));
        const mine = [await served(world, c0, 80), await served(world, c0, 80)];
        const kept = [await served(world, c0, 81), await served(world, c1, 80)];
        const bound = next(c0);
        const rows: readonly Row[] = bound === undefined ? [] : [[bound, b]];
        await world.proxier.sync(table(2, ...rows, ...others));
        for (const attempt of mine) assert.equal(await attempt.echo('anybody?'), 'lost');
        for (const attempt of kept) assert.equal(await attempt.echo('still here'), 'served');
        if (bound === undefined) await refusedAtOnce(world, c0, 80);
        else assert.equal((await served(world, c0, 80)).by, endpointKey(e1));
      }),
    );
  }

  it(
    'changes nothing for connection and turn when a table says the same again',
    on(async (world) => {
      const [c0, , e0, e1] = await twoAndTwo(world);
      const pool = poolOf('/a;80', [e0, e1]);
      const turn: string[] = [];
      const open: Attempt[] = [];
      for (let version = 1; version <= 6; version += 1) {
        await world.proxier.sync(table(version, [binding(c0, '/a;80'), pool]));
        const attempt = await served(world, c0, 80);
        turn.push(attempt.by);
        open.push(attempt);
      }
      sharedOut(world, turn, [e0, e1]);
      for (const attempt of open) assert.equal(await attempt.echo('still here'), 'served');
    }),
  );

  it(
    'serves through every change while tables come one after the other',
    on(async (world) => {
      const [c0, , e0, e1] = await twoAndTwo(world);
      const bound = binding(c0, '/a;80');
      await world.proxier.sync(table(1, [bound, poolOf('/a;80', [e0])]));
      for (let version = 2; version <= 30; version += 1) {
        const attempt = world.dial(c0, port(80));
        await world.proxier.sync(table(version, [bound, poolOf('/a;80', version % 2 === 0 ? [e1] : [e0])]));
        assert.equal(await attempt.answer(), 'served', `table ${version}`);
        assert.equal(await attempt.finish(), 'finished');
      }
    }),
  );
}

function describeStop(on: On): void {
  it(
    '[C9] drains at once when nothing is open, and takes nothing new then',
    on(async (world) => {
      const [c0, , e0] = await twoAndTwo(world);
      await world.proxier.sync(table(1, [binding(c0, '/a;80'), poolOf('/a;80', [e0])]));
      assert.equal(await (await served(world, c0, 80)).finish(), 'finished');
      assert.deepEqual(await world.leftovers(), []);
      assert.equal(await world.proxier.drain(DEADLINE_MS, { signal: never }), 0);
      await refusedAtOnce(world, c0, 80);
    }),
  );

  it(
    '[C9] takes nothing new while it drains, and waits for what is open',
    on(async (world) => {
      const [c0, , e0] = await twoAndTwo(world);
      await world.proxier.sync(table(1, [binding(c0, '/a;80'), poolOf('/a;80', [e0])]));
      const open = await served(world, c0, 80);
      const draining = outcomeOf(world.proxier.drain(DEADLINE_MS, { signal: never }));
      await takesNothingNew(world, c0);
      await world.pass(DEADLINE_MS / 2);
      await refusedAtOnce(world, c0, 80);
      if (!world.outlives) assert.equal(draining.cut, undefined, 'one connection is still open');
      assert.equal(await open.echo('still here'), 'served');
      assert.equal(await open.finish(), 'finished');
      assert.equal(await draining.done, 0);
    }),
  );

  it(
    '[C9] cuts what is open at the deadline, waiting connections too, and counts it',
    on(async (world) => {
      const [c0, , e0] = await twoAndTwo(world);
      await world.proxier.sync(
        table(
          1,
          [binding(c0, '/a;80'), poolOf('/a;80', [e0])],
          [binding(c0, '/b;81'), poolOf('/b;81', undefined)],
        ),
      );
      const open = [await served(world, c0, 80), await served(world, c0, 80)];
      const waits = await waiting(world, c0, 81);
      const deadlineMs = world.unknownWaitMs / 2;
      const draining = outcomeOf(world.proxier.drain(deadlineMs, { signal: never }));
      await takesNothingNew(world, c0);
      await world.pass(deadlineMs / 2);
      assert.equal(draining.cut, undefined);
      await world.pass(deadlineMs / 2);
      assert.equal(await draining.done, world.outlives ? 1 : 3);
      for (const attempt of open) await goesOnOrIsLost(world, attempt);
      assert.equal(await waits.answer(), 'refused');
      assert.deepEqual(await world.leftovers(), []);
    }),
  );

  it(
    '[C9] cuts at once when told to, also before it began',
    on(async (world) => {
      const [c0, , e0] = await twoAndTwo(world);
      await world.proxier.sync(table(1, [binding(c0, '/a;80'), poolOf('/a;80', [e0])]));
      const open = await served(world, c0, 80);
      const cut = await world.proxier.drain(DEADLINE_MS, { signal: AbortSignal.abort() });
      assert.equal(cut, world.outlives ? 0 : 1);
      await goesOnOrIsLost(world, open);
      assert.deepEqual(await world.leftovers(), []);
    }),
  );

  it(
    'holds nothing once it is disposed, as often as that is asked',
    on(async (world) => {
      const [c0, , e0] = await twoAndTwo(world);
      await world.proxier.sync(
        table(
          1,
          [binding(c0, '/a;80'), poolOf('/a;80', [e0])],
          [binding(c0, '/b;81'), poolOf('/b;81', undefined)],
        ),
      );
      const [open, waits] = [await served(world, c0, 80), await waiting(world, c0, 81)];
      await world.proxier[Symbol.asyncDispose]();
      await world.proxier[Symbol.asyncDispose]();
      await goesOnOrIsLost(world, open);
      assert.equal(await waits.answer(), 'refused');
      assert.deepEqual(await world.leftovers(), []);
      await refusedAtOnce(world, c0, 80);
    }),
  );

  it(
    'holds nothing after it was disposed without ever getting a table',
    on(async (world) => {
      await world.proxier[Symbol.asyncDispose]();
      assert.deepEqual(await world.leftovers(), []);
    }),
  );
}
