import assert from 'node:assert/strict';
import { bindingId } from '../../src/domain/binding.ts';
import { binding, tableOf } from '../support/bindings.ts';
import { at } from '../support/addresses.ts';
import { address, endpoint, port } from '../support/endpoints.ts';
import { proxierBench } from './proxier-bench.ts';
import type { RefusalReason } from '../../src/ports/metrics.ts';
import type { Attempt, ProxierBench } from './proxier-bench.ts';

const C1 = '172.17.0.2';
const C2 = '172.17.0.3';
const never = new AbortController().signal;

describe('UserspaceProxier', () => {
  it('[C5] relays what is bound, both ways, and ends when both sides have', async () => {
    const bench = await proxierBench();
    await bench.serve(endpoint(1));
    await bench.proxier.sync(tableOf(1, [binding(C1, '/s;80'), [endpoint(1)]]));
    const attempt = bench.dial(C1, 80);
    await bench.clock.advance(0);
    assert.equal(attempt.received, '10.0.0.2:80');
    await attempt.connection?.write(Buffer.from('!'));
    attempt.connection?.shutdownWrite();
    await bench.clock.advance(0);
    assert.deepEqual([attempt.received, attempt.state], ['10.0.0.2:80!', 'ended']);
    assert.equal(bench.metrics.count('ended finished'), 1);
    assert.equal(bench.metrics.count('bytes to upstream'), 1);
    assert.equal(bench.metrics.count('bytes to downstream'), 12);
    nothingLeft(bench);
  });

  it('refuses what a policy denies, and says so, apart from what nobody asked for', async () => {
    const denied = bindingId(address(C1), 'tcp', port(80));
    const bench = await proxierBench({}, { denies: (id) => id === denied });
    await bench.proxier.sync(tableOf(1));
    const attempts = [bench.dial(C1, 80), bench.dial(C1, 81)];
    await bench.clock.advance(0);
    for (const attempt of attempts) refused(attempt, 0);
    assert.deepEqual([bench.metrics.count('refused denied'), bench.metrics.count('refused unbound')], [1, 1]);
    assert.match(bench.log.messages('info')[0] ?? '', /the access policy denies this consumer/);
  });

  it('takes other limits while it runs', async () => {
    const bench = await proxierBench({ maxConnections: 1 });
    await bench.serve(endpoint(1));
    await bench.proxier.sync(tableOf(1, [binding(C1, '/s;80'), [endpoint(1)]]));
    const first = bench.dial(C1, 80);
    await bench.clock.advance(0);
    const limits = { unknownWaitMs: 3_000, halfCloseTimeoutMs: 60_000 };
    bench.proxier.reconfigure({ ...limits, maxConnections: 3, maxConnectionsPerBinding: 2 });
    const later = [bench.dial(C1, 80), bench.dial(C1, 80)];
    await bench.clock.advance(0);
    assert.deepEqual(
      [first, ...later].map(({ state }) => state),
      ['open', 'open', 'refused'],
    );
    assert.equal(bench.metrics.count('refused limit'), 1);
  });

  it('[C5] lets two consumers bind one port to two services', async () => {
    const bench = await proxierBench();
    await bench.serve(endpoint(1));
    await bench.serve(endpoint(2));
    await bench.proxier.sync(
      tableOf(1, [binding(C1, '/a;80'), [endpoint(1)]], [binding(C2, '/b;80', 'c2'), [endpoint(2)]]),
    );
    const [one, two] = [bench.dial(C1, 80), bench.dial(C2, 80)];
    await bench.clock.advance(0);
    assert.deepEqual([one.received, two.received], ['10.0.0.2:80', '10.0.0.3:80']);
  });

  it('[D01] refuses what is unbound at once, counts it and says why', async () => {
    const bench = await proxierBench();
    await bench.serve(endpoint(1));
    await bench.proxier.sync(tableOf(1, [binding(C1, '/a;80'), [endpoint(1)]]));
    const attempts = [bench.dial(C2, 80), bench.dial(C1, 81)];
    await bench.clock.advance(0);
    for (const attempt of attempts) refused(attempt, 0);
    assert.equal(bench.metrics.count('refused unbound'), 2);
    assert.deepEqual(bench.log.messages('info'), [
      'refused 172.17.0.3 to 172.17.0.1:80: this consumer has no binding of that port',
      'refused 172.17.0.2 to 172.17.0.1:81: this consumer has no binding of that port',
    ]);
    nothingLeft(bench);
  });

  it('[C5] never dials a listener of its own: which would dial itself for ever', async () => {
    const bench = await proxierBench();
    const loop = endpoint(0, { address: address('172.17.0.1'), port: port(9999) });
    await bench.serve(endpoint(1));
    await bench.proxier.sync(
      tableOf(1, [binding(C1, '/a;80'), [loop]], [binding(C1, '/b;81'), [loop, endpoint(1)]]),
    );
    const [looped, other] = [bench.dial(C1, 80), bench.dial(C1, 81)];
    await bench.clock.advance(0);
    refused(looped, 0);
    assert.equal(other.received, '10.0.0.2:80');
    assert.equal(bench.metrics.count('accepted'), 2);
    assert.deepEqual(bench.log.messages('warn'), [
      'endpoint 172.17.0.1:9999 is a listener of embassy itself and is never dialled; ' +
        'correct it in discovery',
    ]);
  });

  it('[C5] refuses what is dialled at its own port, which no rule led there', async () => {
    const bench = await proxierBench();
    await bench.proxier.sync(tableOf(1, [binding(C1, '/a;80'), [endpoint(1)]]));
    bench.network.release(at('172.17.0.1:1').address);
    const direct = bench.dial(C1, 9999);
    await bench.clock.advance(0);
    refused(direct, 0);
    assert.equal(bench.metrics.count('refused unbound'), 1);
  });

  it('[P33] lets a connection to an unknown service wait, and serves it when it is known', async () => {
    const bench = await proxierBench();
    await bench.serve(endpoint(1));
    const bound = binding(C1, '/a;80');
    await bench.proxier.sync(tableOf(1, [bound, undefined]));
    const attempt = bench.dial(C1, 80);
    await bench.clock.advance(1_000);
    await bench.proxier.sync(tableOf(2, [bound, undefined]));
    await bench.clock.advance(1_000);
    assert.equal(attempt.received, '');
    assert.equal(attempt.state, 'open');
    await bench.proxier.sync(tableOf(3, [bound, [endpoint(1)]]));
    await bench.clock.advance(0);
    assert.equal(attempt.received, '10.0.0.2:80');
  });

  it('[P33] refuses a connection to a service that is unknown for 3 s, whatever else changes', async () => {
    const bench = await proxierBench();
    const bound = binding(C1, '/a;80');
    await bench.proxier.sync(tableOf(1, [bound, undefined]));
    const attempt = bench.dial(C1, 80);
    await bench.clock.advance(2_000);
    await bench.proxier.sync(tableOf(2, [bound, undefined]));
    await bench.clock.advance(999);
    assert.equal(attempt.state, 'open');
    await bench.clock.advance(1);
    refused(attempt, 3_000);
    assert.equal(bench.metrics.count('refused unknown'), 1);
    nothingLeft(bench);
  });

  const refusals: readonly {
    readonly name: string;
    readonly endpoints: readonly ('refuses' | 'silent' | 'weight 0')[];
    readonly reason: RefusalReason;
    readonly afterMs: number;
    readonly dials: number;
  }[] = [
    { name: 'that has no endpoint', endpoints: [], reason: 'no endpoint', afterMs: 0, dials: 0 },
    {
      name: 'whose endpoints all have weight 0',
      endpoints: ['weight 0'],
      reason: 'no endpoint',
      afterMs: 0,
      dials: 0,
    },
    {
      name: '[P36] whose two endpoints refuse, after one dial each',
      endpoints: ['refuses', 'refuses'],
      reason: 'all dials failed',
      afterMs: 0,
      dials: 2,
    },
    {
      name: '[P36] whose five endpoints refuse, after three dials',
      endpoints: ['refuses', 'refuses', 'refuses', 'refuses', 'refuses'],
      reason: 'all dials failed',
      afterMs: 0,
      dials: 3,
    },
    {
      name: '[P36] whose single endpoint is silent, after 8 s',
      endpoints: ['silent'],
      reason: 'all dials failed',
      afterMs: 8_000,
      dials: 1,
    },
    {
      name: '[P36] whose three endpoints are silent, after 2 + 4 + 8 s',
      endpoints: ['silent', 'silent', 'silent', 'silent'],
      reason: 'all dials failed',
      afterMs: 14_000,
      dials: 3,
    },
  ];
  for (const { name, endpoints, reason, afterMs, dials } of refusals) {
    it(`[C5] refuses a connection to a service ${name}`, async () => {
      const bench = await proxierBench();
      const known = endpoints.map((kind, n) => endpoint(n, kind === 'weight 0' ? { weight: 0 } : {}));
      for (const [n, kind] of endpoints.entries()) {
        if (kind === 'silent') bench.blackhole(endpoint(n));
        else bench.refuse(endpoint(n));
      }
      await bench.proxier.sync(tableOf(1, [binding(C1, '/a;80'), known]));
      const attempt = bench.dial(C1, 80);
      await bench.clock.advance(20_000);
      refused(attempt, afterMs);
      assert.equal(bench.metrics.count(`refused ${reason}`), 1);
      assert.equal(bench.metrics.count('dial failed'), dials);
      nothingLeft(bench);
    });
  }

  it('[P36] tries another endpoint when one refuses', async () => {
    const bench = await proxierBench();
    bench.refuse(endpoint(1));
    await bench.serve(endpoint(2));
    await bench.proxier.sync(tableOf(1, [binding(C1, '/a;80'), [endpoint(1), endpoint(2)]]));
    const attempts = [bench.dial(C1, 80), bench.dial(C1, 80), bench.dial(C1, 80)];
    await bench.clock.advance(0);
    assert.deepEqual(
      attempts.map((attempt) => attempt.received),
      ['10.0.0.3:80', '10.0.0.3:80', '10.0.0.3:80'],
    );
  });

  it('refuses what is above the limit of connections, and serves again below it', async () => {
    const bench = await proxierBench({ maxConnections: 2 });
    await bench.serve(endpoint(1));
    await bench.proxier.sync(tableOf(1, [binding(C1, '/a;80'), [endpoint(1)]]));
    const first = [bench.dial(C1, 80), bench.dial(C1, 80)];
    await bench.clock.advance(0);
    const third = bench.dial(C1, 80);
    await bench.clock.advance(0);
    refused(third, 0);
    assert.equal(bench.metrics.count('refused limit'), 1);
    assert.equal(bench.metrics.count('limit max-connections'), 1);
    first[0]?.connection?.reset();
    await bench.clock.advance(0);
    assert.match(
      bench.log.messages('info').join('\n'),
      /taken again: 1 of at most 2 are open; refused meanwhile: 1/,
    );
    const fourth = bench.dial(C1, 80);
    await bench.clock.advance(0);
    assert.equal(fourth.state, 'open');
  });

  it('refuses what is above the limit of one binding, and serves the others', async () => {
    const bench = await proxierBench({ maxConnectionsPerBinding: 2 });
    await bench.serve(endpoint(1));
    const rows = [binding(C1, '/s;80'), binding(C2, '/s;80', 'c2')] as const;
    await bench.proxier.sync(tableOf(1, [rows[0], [endpoint(1)]], [rows[1], [endpoint(1)]]));
    const [first, , third] = [bench.dial(C1, 80), bench.dial(C1, 80), bench.dial(C1, 80)];
    await bench.clock.advance(0);
    refused(third, 0);
    assert.equal(bench.metrics.count('refused limit'), 1);
    assert.equal(bench.metrics.count('limit max-connections-per-binding'), 1);
    const other = bench.dial(C2, 80);
    first.connection?.reset();
    await bench.clock.advance(0);
    const again = bench.dial(C1, 80);
    await bench.clock.advance(0);
    assert.deepEqual([other.state, again.state], ['open', 'open']);
  });

  it('[P25] cuts a connection to a removed endpoint when the drain is over, and no other', async () => {
    const bench = await proxierBench();
    await bench.serve(endpoint(1));
    await bench.serve(endpoint(2));
    const bound = binding(C1, '/s;80');
    await bench.proxier.sync(tableOf(1, [bound, [endpoint(1), endpoint(2)]]));
    const attempts = [bench.dial(C1, 80), bench.dial(C1, 80)];
    await bench.clock.advance(0);
    await bench.proxier.sync(tableOf(2, [bound, [endpoint(2)]]));
    await bench.clock.advance(59_999);
    assert.deepEqual(states(attempts), ['10.0.0.2:80 open', '10.0.0.3:80 open']);
    await bench.clock.advance(1);
    assert.deepEqual(states(attempts), ['10.0.0.2:80 ended', '10.0.0.3:80 open']);
  });

  it('[C5] looks a wildcard binding up after the exact one', async () => {
    const bench = await proxierBench();
    await bench.serve(endpoint(1));
    await bench.serve(endpoint(2));
    await bench.proxier.sync(
      tableOf(1, [binding('*', '/any;80'), [endpoint(1)]], [binding(C1, '/own;80'), [endpoint(2)]]),
    );
    const [exact, wild] = [bench.dial(C1, 80), bench.dial(C2, 80)];
    await bench.clock.advance(0);
    assert.deepEqual([exact.received, wild.received], ['10.0.0.3:80', '10.0.0.2:80']);
  });

  const changes = [
    { name: 'is gone', next: [] },
    { name: 'changed hands', next: [binding(C1, '/a;80', 'c9')] },
    { name: 'leads to another service', next: [binding(C1, '/b;80')] },
  ];
  for (const { name, next } of changes) {
    it(`[C10] cuts the connections of a binding that ${name}, and no others`, async () => {
      const bench = await proxierBench();
      await bench.serve(endpoint(1));
      const other = binding(C2, '/a;80', 'c2');
      await bench.proxier.sync(tableOf(1, [binding(C1, '/a;80'), [endpoint(1)]], [other, [endpoint(1)]]));
      const [mine, others] = [bench.dial(C1, 80), bench.dial(C2, 80)];
      await bench.clock.advance(0);
      const rows = next.map((bound) => [bound, [endpoint(1)]] as const);
      await bench.proxier.sync(tableOf(2, ...rows, [other, [endpoint(1)]]));
      await bench.clock.advance(0);
      assert.deepEqual([mine.state, others.state], ['ended', 'open']);
      assert.equal(bench.metrics.count('ended aborted'), 1);
      assert.equal(bench.proxier.openConnections, 1);
    });
  }

  it('lets a connection go on when only the endpoints of its pool change', async () => {
    const bench = await proxierBench();
    await bench.serve(endpoint(1));
    const bound = binding(C1, '/a;80');
    await bench.proxier.sync(tableOf(1, [bound, [endpoint(1)]]));
    const attempt = bench.dial(C1, 80);
    await bench.clock.advance(0);
    await bench.proxier.sync(tableOf(2, [bound, []]));
    await bench.clock.advance(0);
    assert.equal(attempt.state, 'open');
  });

  it('gives up dialling and waiting for a consumer that went away', async () => {
    const bench = await proxierBench();
    bench.blackhole(endpoint(1));
    await bench.proxier.sync(
      tableOf(1, [binding(C1, '/a;80'), [endpoint(1)]], [binding(C1, '/b;81'), undefined]),
    );
    const attempts = [bench.dial(C1, 80), bench.dial(C1, 81)];
    await bench.clock.advance(10);
    assert.equal(bench.proxier.openConnections, 2);
    for (const attempt of attempts) attempt.connection?.reset();
    await bench.clock.advance(0);
    assert.equal(bench.metrics.count('refused all dials failed'), 0);
    nothingLeft(bench);
  });

  describe('drain', () => {
    it('[C9] accepts nothing new and resolves when the last connection has ended', async () => {
      const bench = await proxierBench();
      await bench.serve(endpoint(1));
      await bench.proxier.sync(tableOf(1, [binding(C1, '/a;80'), [endpoint(1)]]));
      const attempt = bench.dial(C1, 80);
      await bench.clock.advance(0);
      const draining = outcomeOf(bench.proxier.drain(8_000, { signal: never }));
      await bench.clock.advance(1_000);
      const late = bench.dial(C1, 80);
      await bench.clock.advance(0);
      refused(late, 1_000);
      assert.equal(draining.cut, undefined, 'one connection is still open');
      attempt.connection?.shutdownWrite();
      await bench.clock.advance(0);
      assert.equal(draining.cut, 0);
      nothingLeft(bench);
    });

    it('[C9] cuts what is open at the deadline, and counts it', async () => {
      const bench = await proxierBench();
      await bench.serve(endpoint(1));
      await bench.proxier.sync(tableOf(1, [binding(C1, '/a;80'), [endpoint(1)]]));
      const attempt = bench.dial(C1, 80);
      await bench.clock.advance(0);
      const draining = outcomeOf(bench.proxier.drain(8_000, { signal: never }));
      await bench.clock.advance(7_999);
      assert.deepEqual([draining.cut, attempt.state], [undefined, 'open']);
      await bench.clock.advance(1);
      assert.deepEqual([draining.cut, attempt.state], [1, 'ended']);
      nothingLeft(bench);
    });

    it('[C9] cuts at once when told to', async () => {
      const bench = await proxierBench();
      await bench.serve(endpoint(1));
      await bench.proxier.sync(tableOf(1, [binding(C1, '/a;80'), [endpoint(1)]]));
      bench.dial(C1, 80);
      await bench.clock.advance(0);
      const abort = new AbortController();
      const draining = outcomeOf(bench.proxier.drain(8_000, { signal: abort.signal }));
      await bench.clock.advance(10);
      abort.abort();
      await bench.clock.advance(0);
      assert.equal(draining.cut, 1);
      nothingLeft(bench);
    });
  });

  it('closes its listener and cuts what is open when disposed, as often as that is asked', async () => {
    const bench = await proxierBench();
    await bench.serve(endpoint(1));
    await bench.proxier.sync(tableOf(1, [binding(C1, '/a;80'), [endpoint(1)]]));
    bench.dial(C1, 80);
    await bench.clock.advance(0);
    await bench.proxier[Symbol.asyncDispose]();
    await bench.proxier[Symbol.asyncDispose]();
    await bench.clock.advance(0);
    nothingLeft(bench);
    const late = bench.dial(C1, 80);
    await bench.clock.advance(0);
    assert.equal(late.state, 'refused');
  });

  it('says that its listener cannot be opened', async () => {
    await assert.rejects(
      proxierBench({ listen: { kind: 'captured', at: [at('172.17.0.1:9999'), at('9.9.9.9:9999')] } }),
      { name: 'ListenError', code: 'no-address' },
    );
  });
});

function refused(attempt: Attempt, atMs: number): void {
  assert.deepEqual([attempt.state, attempt.endedAtMs], ['refused', atMs]);
}

function nothingLeft(bench: ProxierBench): void {
  assert.equal(bench.proxier.openConnections, 0, 'no life may be left');
  assert.equal(bench.clock.pendingTimers, 0, 'no timer may be left');
  assert.equal(bench.network.openConnections, 0, 'no connection may be left');
}

function outcomeOf(draining: Promise<number>): { cut: number | undefined } {
  const outcome: { cut: number | undefined } = { cut: undefined };
  void draining.then((cut) => {
    outcome.cut = cut;
  });
  return outcome;
}

/** Whom each attempt reached and how it is, in the order of endpoints. */
function states(attempts: readonly Attempt[]): readonly string[] {
  return attempts.map(({ received, state }) => `${received} ${state}`).sort();
}
