import assert from 'node:assert/strict';
import { labelledWeights, withWeights } from '../../src/app/labelled-weights.ts';
import { formatProblem } from '../../src/domain/result.ts';
import { consumer } from '../support/bindings.ts';
import { endpoint } from '../support/endpoints.ts';
import type { Consumer } from '../../src/domain/consumer.ts';

function labelled(name: string, weight: string, ...addresses: readonly string[]): Consumer {
  const labels = [['embassy.endpoint.weight', weight]] as const;
  return { ...consumer(name, { addresses }), traits: { image: 'shop:1', labels } };
}

describe('labelledWeights', () => {
  it('finds the weight of a container at each of its addresses', () => {
    const { weights, problems } = labelledWeights([
      labelled('a', '3', '172.17.0.2', 'fd00::2'),
      labelled('b', '0', '172.17.0.3'),
      consumer('c', { addresses: ['172.17.0.4'] }),
    ]);
    assert.deepEqual(Object.fromEntries(weights), { '172.17.0.2': 3, 'fd00::2': 3, '172.17.0.3': 0 });
    assert.deepEqual(problems, []);
  });

  for (const written of ['', '-1', '1.5', '65536', 'much', '1e3', ' 1']) {
    it(`says that '${written}' is no weight, and sets none`, () => {
      const { weights, problems } = labelledWeights([labelled('a', written, '172.17.0.2')]);
      assert.equal(weights.size, 0);
      assert.deepEqual(problems.map(formatProblem), [
        'container a, label embassy.endpoint.weight: not a whole number from 0 to 65535; ' +
          "discovery's weight stays",
      ]);
    });
  }
});

describe('withWeights', () => {
  it('changes the weights of the endpoints that have one, and leaves the others as they are', () => {
    const endpoints = [endpoint(1), endpoint(2)];
    const [first] = endpoints;
    assert(first !== undefined);
    const changed = withWeights(endpoints, new Map([[first.address, 7]]));
    assert.deepEqual(
      changed.map(({ weight }) => weight),
      [7, 1],
    );
    assert.equal(changed[1], endpoints[1]);
  });
});
