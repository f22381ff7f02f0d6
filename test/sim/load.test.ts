import assert from 'node:assert/strict';
import { chosenLoad, LOAD_DEFAULT, loadOf, pausesOf } from '../../sim/load.ts';
import { simulate } from '../../sim/run.ts';
import { settle } from '../support/settle.ts';

const TIME_LIMIT_MS = 30_000;

describe('loadOf', () => {
  it('is small where nothing is chosen', () => {
    assert.deepEqual(loadOf({}), LOAD_DEFAULT);
  });

  it('has containers enough to want most of many services, unless they are chosen, too', () => {
    assert.equal(loadOf({ services: 200 }).containers, 118);
    assert.equal(loadOf({ services: 10_000 }).containers, 200);
    assert.equal(loadOf({ services: 200, containers: 3 }).containers, 3);
  });
});

describe('chosenLoad', () => {
  it('takes what was chosen out of more, and nothing that is undefined', () => {
    const options = { seed: 1, services: 7, containers: undefined, bytesPerCall: 0 };
    assert.deepEqual(chosenLoad(options), { services: 7, bytesPerCall: 0 });
  });
});

describe('pausesOf', () => {
  it('has the rate for its mean', () => {
    assert.deepEqual(pausesOf(200), [0, 10]);
    assert.deepEqual(pausesOf(5), [13, 387]);
  });
});

describe('simulate', function () {
  this.timeout(TIME_LIMIT_MS);

  it('makes as many services, changes and calls as were asked for, of so many bytes', async () => {
    const { counts, violations } = await simulate(
      { settle, sink: () => undefined },
      ...[
        { seed: 2, minutes: 0.25, services: 40, churnPerSecond: 20, callsPerSecond: 100, bytesPerCall: 512 },
      ],
    );
    assert.deepEqual(violations, []);
    const count = (name: string): number => counts.get(name) ?? 0;
    const changes = count('endpoints added') + count('endpoints changed') + count('endpoints removed');
    assert(changes > 300 && changes < 700, `${changes} changes`);
    assert(count('calls') > 1_400, `${count('calls')} calls`);
    const finished = count('embassy: ended finished');
    const bytes = count('embassy: bytes to upstream') / finished;
    assert(bytes > 450 && bytes < 600, `${bytes} bytes a call`);
  });
});
