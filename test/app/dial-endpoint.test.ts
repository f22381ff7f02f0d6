import assert from 'node:assert/strict';
import { SimClock } from '../../sim/clock.ts';
import { MemoryLog } from '../../sim/log.ts';
import { MemoryMetrics } from '../../sim/metrics.ts';
import { dialEndpoint } from '../../src/app/dial-endpoint.ts';
import { formatSocketAddress } from '../../src/domain/address.ts';
import { DialError } from '../../src/ports/dialer.ts';
import { poolKey } from '../support/bindings.ts';
import { address, endpoint } from '../support/endpoints.ts';
import { FEEDBACK, knownPool } from '../support/pools.ts';
import { settle } from '../support/settle.ts';
import type { DialOutcome } from '../../src/app/dial-endpoint.ts';
import type { Endpoint } from '../../src/domain/endpoint.ts';
import type { DialFeedback, PickRequest, PoolSnapshot } from '../../src/domain/route.ts';
import type { Dialer } from '../../src/ports/dialer.ts';

const SOURCE = address('172.17.0.2');

describe('dialEndpoint', () => {
  const rows: readonly {
    readonly name: string;
    readonly endpoints: number;
    readonly answers: readonly string[];
    readonly timeouts: readonly number[];
    readonly outcome: string;
  }[] = [
    {
      name: 'dials nobody where there is no endpoint',
      endpoints: 0,
      answers: [],
      timeouts: [],
      outcome: 'no endpoint',
    },
    {
      name: 'gives a single endpoint one attempt of 8 s',
      endpoints: 1,
      answers: [],
      timeouts: [8_000],
      outcome: 'all dials failed',
    },
    {
      name: 'gives two endpoints 2 and 4 s',
      endpoints: 2,
      answers: [],
      timeouts: [2_000, 4_000],
      outcome: 'all dials failed',
    },
    {
      name: 'gives up after three of many, with 2, 4 and 8 s',
      endpoints: 5,
      answers: ['10.0.0.4:80'],
      timeouts: [2_000, 4_000, 8_000],
      outcome: 'all dials failed',
    },
    {
      name: 'stops at the first that answers',
      endpoints: 5,
      answers: ['10.0.0.2:80'],
      timeouts: [2_000, 4_000],
      outcome: '10.0.0.2:80',
    },
  ];
  for (const { name, endpoints, answers, timeouts, outcome } of rows) {
    it(`[C5] [P36] ${name}`, async () => {
      const bench = dialling(endpoints, (to) => {
        if (!answers.includes(to)) throw new DialError('refused', `${to} refused`);
      });
      assert.equal(inWords(await bench.run()), outcome);
      assert.deepEqual(bench.timeouts, timeouts);
      assert.equal(new Set(bench.dialled).size, bench.dialled.length, 'each endpoint at most once');
      const kept = outcome.includes(':') ? 1 : 0;
      assert.equal(bench.lent(), kept, 'every pick but that of the dialled endpoint is given back');
    });
  }

  it('counts dials and says at debug level which failed', async () => {
    const bench = dialling(2, (to) => {
      if (to === '10.0.0.1:80') throw new DialError('timeout', `${to} did not answer`);
    });
    await bench.run();
    assert.deepEqual(
      [...bench.metrics.counts],
      [
        ['dial failed', 1],
        ['dialled', 1],
      ],
    );
    assert.deepEqual(bench.log.messages(), ['endpoint 10.0.0.1:80 of /s: 10.0.0.1:80 did not answer']);
  });

  it('tells the pool how each dial went, and asks before each but the first', async () => {
    const told: string[] = [];
    const bench = dialling(3, (to) => {
      if (to !== '10.0.0.3:80') throw new DialError('refused', `${to} refused`);
    });
    const outcome = await bench.run(undefined, {
      attempted: () => told.push('attempted'),
      mayRetry: () => told.push('may retry') > 0,
      dialled: ({ id }) => told.push(`${id} dialled`),
      failed: ({ id }) => told.push(`${id} failed`),
      answered: ({ id }) => told.push(`${id} answered`),
    });
    assert.equal(inWords(outcome), '10.0.0.3:80');
    const expected = ['attempted', 'e0 failed', 'may retry', 'e1 failed', 'may retry', 'e2 dialled'];
    assert.deepEqual(told, expected);
  });

  it('stops where the retry budget is used up, and gives that pick back', async () => {
    const bench = dialling(3, (to) => {
      throw new DialError('refused', `${to} refused`);
    });
    const outcome = await bench.run(undefined, { ...FEEDBACK, mayRetry: () => false });
    assert.equal(inWords(outcome), 'all dials failed');
    assert.equal(bench.dialled.length, 1);
    assert.equal(bench.lent(), 0);
  });

  it('[C5] gives the only endpoint that is not ejected the whole 8 s', async () => {
    const bench = dialling(2, (to) => {
      throw new DialError('timeout', `${to} did not answer`);
    });
    await bench.run(undefined, FEEDBACK, ['10.0.0.2:80']);
    assert.deepEqual(bench.timeouts[0], 8_000);
  });

  it('rejects with the reason of an abort, and gives the pick back', async () => {
    const reason = new Error('enough');
    const abort = new AbortController();
    const bench = dialling(2, () => {
      abort.abort(reason);
      throw reason;
    });
    await assert.rejects(bench.run(abort.signal), reason);
    assert.equal(bench.lent(), 0);
    assert.equal(bench.dialled.length, 1);
  });
});

interface Bench {
  readonly metrics: MemoryMetrics;
  readonly log: MemoryLog;
  readonly timeouts: readonly number[];
  readonly dialled: readonly string[];
  lent(): number;
  run(signal?: AbortSignal, feedback?: DialFeedback, ejected?: readonly string[]): Promise<DialOutcome>;
}

function dialling(count: number, answer: (to: string) => void): Bench {
  const endpoints = Array.from({ length: count }, (_, n) => endpoint(n));
  const [metrics, log, clock] = [new MemoryMetrics(), new MemoryLog(), new SimClock(settle)];
  const timeouts: number[] = [];
  const dialled: string[] = [];
  const picks = new Set<Endpoint>();
  const dialer: Dialer = {
    dial: async (to, { timeoutMs }) => {
      timeouts.push(timeoutMs);
      dialled.push(formatSocketAddress(to));
      answer(formatSocketAddress(to));
      return { ...CONNECTION, peer: to, local: to };
    },
  };
  const pick = (request: PickRequest): ReturnType<(PoolSnapshot & { state: 'known' })['picker']['pick']> => {
    const chosen = endpoints.find((one) => !request.tried.has(formatSocketAddress(one)));
    if (chosen === undefined) return undefined;
    picks.add(chosen);
    return { endpoint: chosen, release: () => picks.delete(chosen) };
  };
  return {
    metrics,
    log,
    timeouts,
    dialled,
    lent: () => picks.size,
    run: async (signal = new AbortController().signal, feedback = FEEDBACK, ejected = []) => {
      const states = new Map(
        ejected.map((key) => [key, { kind: 'ejected', by: 'dials', untilMs: 1 }] as const),
      );
      const pool = { ...knownPool(poolKey('/s;80'), endpoints, { pick }, feedback), states };
      return dialEndpoint({ clock, dialer, log, metrics }, () => pool, { source: SOURCE, signal });
    },
  };
}

const CONNECTION = {
  read: async () => undefined,
  write: async () => undefined,
  shutdownWrite: () => undefined,
  reset: () => undefined,
  close: () => undefined,
  closed: Promise.resolve(),
};

function inWords(outcome: DialOutcome): string {
  switch (outcome.kind) {
    case 'refused':
      return outcome.reason;
    case 'dialled':
      return formatSocketAddress(outcome.dialled.pick.endpoint);
  }
}
