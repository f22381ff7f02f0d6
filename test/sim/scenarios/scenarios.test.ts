import assert from 'node:assert/strict';
import { playScenario, SCENARIOS } from '../../../sim/scenarios/scenarios.ts';
import { settle } from '../../support/settle.ts';
import type { Scenario } from '../../../sim/scenarios/scenario.ts';

/** What a scenario may take on a slow machine; most take a tenth of a second. */
const TIME_LIMIT_MS = 30_000;

const dependencies = { settle, sink: () => undefined };

describe('scenarios', function () {
  this.timeout(TIME_LIMIT_MS);

  for (const scenario of SCENARIOS) {
    it(`[${scenario.id}] ${scenario.title}`, async () => {
      assert.deepEqual(await playScenario(dependencies, scenario), []);
    });
  }
});

describe('playScenario', () => {
  const play: Scenario['play'] = async (stage) => {
    await stage.serve('/a', '10.1.0.1:80');
    const web = stage.start('web', ['/a;80']);
    await stage.pass(500);
    await stage.expectRefused(web, 80);
  };

  it('tells what was expected and what was seen instead', async () => {
    const violations = await playScenario(dependencies, { id: 'P00', title: 'a wrong expectation', play });
    assert.deepEqual(
      violations.map(({ checker, expected, seen }) => ({ checker, expected, seen })),
      [{ checker: 'P00 a wrong expectation', expected: 'web to port 80: refused', seen: '10.1.0.1:80' }],
    );
  });

  it('gives the same trace each time', async () => {
    const traces: string[][] = [[], []];
    for (const lines of traces) {
      const sink = (line: string): void => void lines.push(line);
      await playScenario({ settle, sink }, { id: 'P00', title: 'anything', play });
    }
    const [one, two] = traces;
    assert(one !== undefined && one.length > 5);
    assert.deepEqual(one, two);
  });
});
