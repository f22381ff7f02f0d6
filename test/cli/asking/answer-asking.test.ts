import assert from 'node:assert/strict';
import { SimClock } from '../../../sim/clock.ts';
import { answerAsking } from '../../../src/cli/asking/answer-asking.ts';
import { settle } from '../../support/settle.ts';
import type { AskedDaemon } from '../../../src/cli/asking/answer-asking.ts';
import type { Asking, AskOptions } from '../../../src/cli/asking/resolve-asking.ts';
import type { BindingView, EndpointView, Explanation, ServiceView } from '../../../src/ports/admin.ts';
import type { Port } from '../../../src/domain/address.ts';

const OPTIONS: AskOptions = {
  socket: '/run/embassy.sock',
  listen: undefined,
  prefersListen: false,
  tokenFile: undefined,
  json: false,
  watch: false,
  timeoutMs: 2_000,
};

const BINDING: BindingView = {
  id: '172.17.0.2 tcp 80',
  consumer: 'web-1',
  consumerId: 'c1',
  address: '172.17.0.2',
  port: 80,
  protocol: 'tcp',
  service: '/web',
  descriptor: '/web;80',
  place: 'container web-1, variable BACKEND_0',
  state: 'ready',
  endpoints: 2,
  ready: 1,
  open: 3,
  carrier: 'userspace',
  carrierReason: null,
  sourceReason: null,
};

const ENDPOINT: EndpointView = {
  endpoint: '10.0.0.1:80',
  id: 'a',
  service: '/web',
  pool: '/web round-robin',
  weight: 1,
  tags: null,
  state: 'ready',
  reason: null,
  open: 3,
  carried: null,
};

const SERVICE: ServiceView = {
  service: '/web',
  discovery: 'etcd',
  status: 'unreachable',
  reason: 'no route',
  revision: '7',
  answeredMsAgo: 12_000,
  endpoints: 2,
  suspected: 0,
};

const EXPLANATION: Explanation = {
  found: 'binding',
  words: ['in words'],
  bindings: [BINDING],
  services: [],
  endpoints: [],
  decisions: [],
};

interface Bench {
  readonly clock: SimClock;
  readonly shown: string[];
  readonly asked: string[];
  readonly abort: AbortController;
  readonly done: Promise<number>;
}

function start(asking: Asking, answers: Readonly<Record<string, unknown>> = {}, changes = 1): Bench {
  const clock = new SimClock(settle);
  const shown: string[] = [];
  const asked: string[] = [];
  const all: Readonly<Record<string, unknown>> = {
    version: { version: '1.2.3' },
    readiness: { ready: true, waitingFor: [] },
    bindings: { bindings: [BINDING] },
    services: { services: [SERVICE] },
    endpoints: {
      endpoints: [ENDPOINT, { ...ENDPOINT, endpoint: '10.0.0.2:80', state: 'ejected', reason: 'why' }],
    },
    connections: { connections: [] },
    events: { events: [{ sequence: 1, atMs: 0, level: 'warn', message: 'careful' }] },
    explanation: EXPLANATION,
    ...answers,
  };
  const daemon: AskedDaemon = {
    ask: async (name, path) => {
      asked.push(path);
      const answer = all[name];
      return Promise.resolve((typeof answer === 'function' ? (answer as () => unknown)() : answer) as never);
    },
    changes: async function* () {
      for (let n = 1; n <= changes; n += 1) yield await Promise.resolve(n);
    },
  };
  const abort = new AbortController();
  const done = answerAsking(
    {
      clock,
      daemon,
      display: { columns: undefined, formatTime: (atMs) => `at ${atMs}` },
      show: (lines, { again }) => {
        shown.push(...(again ? ['(again)'] : []), ...lines);
      },
    },
    asking,
    { signal: abort.signal },
  );
  return { clock, shown, asked, abort, done };
}

describe('answerAsking', () => {
  it('shows the state at a glance: counts, what does not answer, what is in trouble', async () => {
    const empty = { ...BINDING, state: 'empty', port: 81, endpoints: 0, ready: 0, open: 0 };
    const { shown, done } = start(
      { what: 'status', options: OPTIONS },
      { bindings: { bindings: [BINDING, empty] } },
    );
    assert.equal(await done, 0);
    assert.deepEqual(shown, [
      'embassy 1.2.3: ready',
      '2 bindings of 1 consumer, 3 open connections',
      '1 service, 2 endpoints, 1 of them ejected',
      '/web: etcd unreachable (no route)',
      '',
      'CONSUMER  ADDRESS     PORT    SERVICE  STATE  READY  OPEN',
      'web-1     172.17.0.2  81/tcp  /web     empty  0/0    0',
    ]);
  });

  it('answers no while the daemon is not ready', async () => {
    const readiness = { ready: false, waitingFor: ['docker has not told who wants what'] };
    const { shown, done } = start({ what: 'status', options: OPTIONS }, { readiness });
    assert.equal(await done, 1);
    assert(shown.includes('waiting: docker has not told who wants what'));
  });

  for (const [what, lines] of [
    ['bindings', ['web-1     172.17.0.2  80/tcp  /web     ready  1/2    3']],
    ['services', ['/web     etcd       unreachable  2          0          12 s  no route']],
    ['endpoints', ['/web round-robin  10.0.0.2:80  ejected  1       3     why']],
    ['connections', ['No connection is open.']],
    ['events', ['at 0 warn  careful']],
  ] as const) {
    it(`shows ${what}`, async () => {
      const { shown, done } = start({ what, options: OPTIONS });
      assert.equal(await done, 0);
      for (const line of lines) assert(shown.includes(line), shown.join('\n'));
    });
  }

  it('shows what the kernel led to each endpoint, where it carries something', async () => {
    const endpoints = { endpoints: [{ ...ENDPOINT, carried: 7 }] };
    const { shown, done } = start({ what: 'endpoints', options: OPTIONS }, { endpoints });
    assert.equal(await done, 0);
    assert(
      shown.includes('POOL              ENDPOINT     STATE  WEIGHT  OPEN  CARRIED  REASON'),
      shown.join('\n'),
    );
    assert(shown.includes('/web round-robin  10.0.0.1:80  ready  1       3     7'), shown.join('\n'));
  });

  it('shows JSON for programs, a document a line', async () => {
    const { shown, done } = start({ what: 'bindings', options: { ...OPTIONS, json: true } });
    await done;
    assert.deepEqual(
      shown.map((line) => JSON.parse(line) as unknown),
      [[BINDING]],
    );
  });

  it('shows the answer again after each change', async () => {
    const { shown, done } = start({ what: 'bindings', options: { ...OPTIONS, watch: true } }, {}, 3);
    assert.equal(await done, 0);
    assert.equal(shown.filter((line) => line === '(again)').length, 2);
  });

  it('follows events from where it was', async () => {
    const { asked, done } = start({ what: 'events', options: { ...OPTIONS, watch: true } }, {}, 2);
    assert.equal(await done, 0);
    assert.deepEqual(asked, ['/v1/events?after=0', '/v1/events?after=1']);
  });

  it('tells the busiest services again each second, until told to stop', async () => {
    const { shown, clock, abort, done } = start({ what: 'top', options: OPTIONS });
    await clock.advance(2_500);
    abort.abort();
    assert.equal(await done, 0);
    assert.equal(shown.filter((line) => line === '/web     6     1/2').length, 3);
  });

  it('explains with exit status 0 where there is a binding, else 1', async () => {
    const asking = {
      what: 'explain',
      options: OPTIONS,
      consumer: 'a b',
      port: 80 as Port,
      protocol: 'tcp',
    } as const;
    const yes = start(asking);
    assert.equal(await yes.done, 0);
    assert.deepEqual(yes.shown, ['in words']);
    assert.deepEqual(yes.asked, ['/v1/explain?consumer=a%20b&port=80&protocol=tcp']);
    const no = start(asking, { explanation: { ...EXPLANATION, found: 'no binding', bindings: [] } });
    assert.equal(await no.done, 1);
  });

  it('waits until an endpoint is ready', async () => {
    let asks = 0;
    const explanation = (): Explanation => {
      asks += 1;
      return { ...EXPLANATION, bindings: [{ ...BINDING, ready: asks < 3 ? 0 : 1 }] };
    };
    const asking = {
      what: 'wait',
      options: OPTIONS,
      consumer: 'web',
      port: 80 as Port,
      protocol: 'tcp',
    } as const;
    const { clock, shown, done } = start(asking, { explanation });
    await clock.advance(1_500);
    assert.equal(await done, 0);
    assert.deepEqual([asks, shown], [3, []]);
  });

  it('gives up waiting after its time, and says how things stand', async () => {
    const explanation = { ...EXPLANATION, bindings: [] };
    const asking = {
      what: 'wait',
      options: OPTIONS,
      consumer: 'web',
      port: 80 as Port,
      protocol: 'tcp',
    } as const;
    const { clock, shown, done } = start(asking, { explanation });
    await clock.advance(2_500);
    assert.equal(await done, 1);
    assert.deepEqual(shown, ['in words']);
    assert.equal(clock.pendingTimers, 0);
  });
});
