import assert from 'node:assert/strict';
import { TraceComparison } from '../../sim/compare-traces.ts';
import { formatTraceHead, parseTraceHead } from '../../sim/trace-head.ts';
import type { RunOptions } from '../../sim/run.ts';

const RUN: RunOptions = {
  seed: 42,
  minutes: 2.5,
  without: ['etcd outage'],
  services: 7,
  callsPerSecond: 0.5,
};

describe('parseTraceHead', () => {
  it('reads what formatTraceHead wrote', () => {
    const head = { commit: 'abc', run: RUN };
    assert.deepEqual(parseTraceHead(formatTraceHead(head)), head);
  });

  const written = formatTraceHead({ commit: 'abc', run: RUN });
  const wrong = [
    { name: 'another file', line: '    0.000 world   faults: none', says: /^it is not a trace/ },
    { name: 'an empty file', line: '', says: /^it is not a trace/ },
    { name: 'half a line', line: written.slice(0, -5), says: /^its first line is damaged$/ },
    {
      name: 'another version',
      line: written.replace('"trace":1', '"trace":7'),
      says: /^it is a trace of version 7, and this simulation writes version 1: replay it with .*\(abc\)$/,
    },
    {
      name: 'an unknown fault',
      line: written.replace('etcd outage', 'rain'),
      says: /does not describe a run$/,
    },
    {
      name: 'a seed too large',
      line: written.replace('42', '99999999999'),
      says: /does not describe a run$/,
    },
  ];
  for (const { name, line, says } of wrong) {
    it(`says in words that it was given ${name}`, () => {
      const said = parseTraceHead(line);
      assert(typeof said === 'string');
      assert.match(said, says);
    });
  }
});

describe('TraceComparison', () => {
  const cases = [
    { name: 'nothing between equal traces', recorded: ['a', 'b'], seen: ['a', 'b'], found: undefined },
    {
      name: 'the first line that is another',
      recorded: ['a', 'b', 'c'],
      seen: ['a', 'x', 'y'],
      found: { line: 2, recorded: 'b', seen: 'x' },
    },
    {
      name: 'that the new one ends before',
      recorded: ['a', 'b'],
      seen: ['a'],
      found: { line: 2, recorded: 'b', seen: undefined },
    },
    {
      name: 'that the new one goes on',
      recorded: ['a'],
      seen: ['a', 'b'],
      found: { line: 2, recorded: undefined, seen: 'b' },
    },
  ];
  for (const { name, recorded, seen, found } of cases) {
    it(`finds ${name}`, () => {
      const comparison = new TraceComparison(recorded);
      for (const line of seen) comparison.next(line);
      assert.deepEqual(comparison.end(), found);
    });
  }
});
