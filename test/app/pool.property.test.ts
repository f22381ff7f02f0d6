import assert from 'node:assert/strict';
import fc from 'fast-check';
import { endpointKey } from '../../src/domain/endpoint.ts';
import { BALANCES } from '../../src/domain/balance.ts';
import { address, endpoint } from '../support/endpoints.ts';
import { poolBench } from './pool-bench.ts';
import type { Pool } from '../../src/app/pool.ts';
import type { Balance } from '../../src/domain/balance.ts';

const SOURCE = address('172.17.0.2');

/** What becomes of a connection: its dial works or not, and then it ends. */
interface Connection {
  readonly works: boolean;
}

for (const balance of BALANCES) {
  describe(`Pool with ${balance}, in whatever order dials end and endpoints change,`, () => {
    it('[P35] keeps half of its endpoints, picks only present ones, and closes its books', async () => {
      const sets = fc.array(fc.uniqueArray(fc.integer({ min: 0, max: 3 }), { minLength: 1 }), {
        minLength: 1,
        maxLength: 4,
      });
      // Mostly failures: five in a row of one endpoint are what ejects it.
      const works = fc.nat(9).map((n) => n === 0);
      const connections = fc.array(fc.record({ works }), { maxLength: 60, size: '+1' });
      await fc.assert(
        fc.asyncProperty(fc.scheduler(), sets, connections, async (scheduler, given, calls) => {
          await run(balance, scheduler, { given, calls });
        }),
        { numRuns: 50 },
      );
    });
  });
}

async function run(
  balance: Balance,
  scheduler: fc.Scheduler,
  options: { readonly given: readonly (readonly number[])[]; readonly calls: readonly Connection[] },
): Promise<void> {
  const { given, calls } = options;
  const { pool } = poolBench(`/a;80;balance=${balance}`);
  const [first = [], ...later] = given.map((set) => set.map((n) => endpoint(n)));
  pool.update(first);
  checkPool(pool);
  scheduler.scheduleSequence(
    later.map((set) => ({
      label: `the endpoints are ${set.map(({ id }) => id).join(' ')}`,
      builder: async () => {
        pool.update(set);
        checkPool(pool);
      },
    })),
  );
  const connecting = calls.map(async ({ works }, n) => {
    await scheduler.schedule(Promise.resolve(), `connection ${n} begins`);
    const pick = pickFrom(pool);
    if (pick === undefined) return;
    const snapshot = known(pool);
    await scheduler.schedule(Promise.resolve(), `its dial ${works ? 'works' : 'fails'}`);
    if (works) snapshot.feedback.dialled(pick.endpoint, 1);
    else snapshot.feedback.failed(pick.endpoint);
    checkPool(pool);
    await scheduler.schedule(Promise.resolve(), `connection ${n} ends`);
    pick.release();
  });
  await scheduler.waitIdle();
  await Promise.all(connecting);
  checkPool(pool);
  assert(pool.remembered <= known(pool).endpoints.length, 'nothing is remembered of who left');
  pool.close();
}

function known(pool: Pool): Pool['snapshot'] & { readonly state: 'known' } {
  assert(pool.snapshot.state === 'known');
  return pool.snapshot;
}

function pickFrom(pool: Pool): ReturnType<ReturnType<typeof known>['picker']['pick']> {
  const { endpoints, picker } = known(pool);
  const pick = picker.pick({ tried: new Set(), source: SOURCE });
  assert(pick !== undefined, 'one of those present is always picked');
  const keys = endpoints.map(endpointKey);
  assert(keys.includes(endpointKey(pick.endpoint)), 'and it is present');
  return pick;
}

function checkPool(pool: Pool): void {
  const { endpoints, states } = known(pool);
  assert(states.size <= endpoints.length / 2, 'at most half are ejected');
  const keys = new Set(endpoints.map(endpointKey));
  for (const key of states.keys()) assert(keys.has(key), 'only present ones have a state');
}
