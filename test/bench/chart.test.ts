import assert from 'node:assert/strict';
import { formatChart } from '../../bench/chart.ts';
import type { Results } from '../../bench/table.ts';

describe('formatChart', () => {
  it('draws each figure as a part of what the direct connection reached', () => {
    const results: Results = new Map([
      ['embassy', [{ toConsumer: 5, requestsP99: 4 }, { toConsumer: 5 }]],
      ['kernel', [{ toConsumer: 9.9 }]],
      ['direct', [{ toConsumer: 10 }]],
    ]);
    const chart = formatChart(results) ?? '';
    const bars = [...chart.matchAll(/<rect x="150".* width="(\d+)"/g)].map(([, width]) => Number(width));
    assert.deepEqual(bars, [250, 495, 500]);
    assert.match(
      chart,
      />endpoint → consumer<[\s\S]*>embassy<[\s\S]*>0\.50<[\s\S]*>embassy, nftables<[\s\S]*>0\.99</,
    );
    assert.doesNotMatch(chart, /99 %|HAProxy|new connections/, 'what was not measured has no bar');
  });

  it('draws nothing where there is nothing to compare with', () => {
    assert.equal(formatChart(new Map([['embassy', [{ toConsumer: 5 }]]])), undefined);
    assert.equal(formatChart(new Map([['direct', [{ idleMemory: 5 }]]])), undefined);
  });
});
