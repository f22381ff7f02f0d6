import assert from 'node:assert/strict';
import { SimClock } from '../../sim/clock.ts';
import { SimNetwork } from '../../sim/network.ts';
import { at } from '../support/addresses.ts';
import { address } from '../support/endpoints.ts';
import { settle } from '../support/settle.ts';
import type { SimHost } from '../../sim/host.ts';
import type { SimNetworkOptions } from '../../sim/network.ts';
import type { AcceptedConnection, Connection } from '../../src/ports/connection.ts';

const CONSUMER = address('172.17.0.2');
const SERVER = address('10.0.0.1');
const VIRTUAL_IP = address('172.17.0.1');
const { signal } = new AbortController();

interface Bench {
  readonly clock: SimClock;
  readonly network: SimNetwork;
  readonly consumer: SimHost;
  readonly server: SimHost;
}

describe('SimNetwork', () => {
  it('takes one latency to ask and one to answer', async () => {
    const { clock, consumer, server } = bench({ latency: () => 10 });
    await server.listen(at('10.0.0.1:80'), () => undefined);
    let connectedAtMs: number | undefined;
    const dialling = consumer.dial(at('10.0.0.1:80'), { timeoutMs: 1_000, signal }).then(() => {
      connectedAtMs = clock.monotonicMs();
    });
    await clock.advance(1_000);
    await dialling;
    assert.equal(connectedAtMs, 20);
    assert.equal(clock.pendingTimers, 0);
  });

  it('moves bytes in order, and the end behind them', async () => {
    const pair = await connected({ latency: () => 5 });
    const { clock, dialled, accepted } = pair;
    await dialled.write(Buffer.from('ab'));
    await dialled.write(Buffer.from('cd'));
    dialled.shutdownWrite();
    const got = readAll(accepted);
    await clock.advance(5);
    assert.equal(await got, 'abcd');
    assert.equal(await accepted.read(), undefined, 'the end is told again');
    await accepted.write(Buffer.from('still open'));
    accepted.shutdownWrite();
    const back = readAll(dialled);
    await clock.advance(5);
    assert.equal(await back, 'still open');
    await Promise.all([dialled.closed, accepted.closed]);
    assert.equal(pair.network.openConnections, 0);
  });

  it('holds a writer back while the reader does not read', async () => {
    const { clock, dialled, accepted } = await connected({ capacityBytes: 10 });
    let done = false;
    const writing = dialled.write(new Uint8Array(25)).then(() => {
      done = true;
    });
    await clock.advance(0);
    assert.equal(done, false);
    assert.equal((await accepted.read())?.length, 10);
    assert.equal((await accepted.read())?.length, 10);
    await writing;
    assert.equal((await accepted.read())?.length, 5);
  });

  it('copies what is written, so that the writer may use its buffer again', async () => {
    const { dialled, accepted } = await connected({});
    const chunk = Buffer.from('before');
    await dialled.write(chunk);
    chunk.fill('x');
    assert.equal(Buffer.from((await accepted.read()) ?? []).toString(), 'before');
  });

  it('tells the other side of a reset when it arrives, and drops what was not read', async () => {
    const { clock, dialled, accepted } = await connected({ latency: () => 5 });
    await accepted.write(Buffer.from('lost'));
    accepted.reset();
    await assert.rejects(accepted.write(Buffer.from('x')), { name: 'ConnectionLostError' });
    const read = dialled.read();
    const lost = assert.rejects(
      dialled.closed.then(async () => dialled.read()),
      { code: 'ECONNRESET' },
    );
    await clock.advance(5);
    assert.equal(Buffer.from((await read) ?? []).toString(), 'lost');
    await lost;
  });

  it('answers bytes for a closed side with a reset', async () => {
    const { clock, dialled, accepted } = await connected({ latency: () => 5 });
    accepted.close();
    await accepted.closed;
    await clock.advance(5);
    assert.equal(await dialled.read(), undefined);
    await dialled.write(Buffer.from('too late'));
    await clock.advance(10);
    await assert.rejects(dialled.write(Buffer.from('x')), { code: 'ECONNRESET' });
  });

  it('sends what a pending write holds before a close ends it', async () => {
    const { dialled, accepted } = await connected({ capacityBytes: 4 });
    const writing = dialled.write(Buffer.from('abcdefgh'));
    dialled.close();
    assert.equal(await readAll(accepted), 'abcdefgh');
    await writing;
    await dialled.closed;
  });

  const failures = [
    { name: 'refuses where nobody listens', to: '10.0.0.1:81', code: 'refused', afterMs: 20 },
    { name: 'finds no way to an address nobody has', to: '10.0.0.9:80', code: 'unreachable', afterMs: 3_000 },
  ] as const;
  for (const { name, to, code, afterMs } of failures) {
    it(name, async () => {
      const { clock, consumer } = bench({ latency: () => 10 });
      const failing = assert.rejects(consumer.dial(at(to), { timeoutMs: 8_000, signal }), { code });
      let failedAtMs: number | undefined;
      void failing.then(() => {
        failedAtMs = clock.monotonicMs();
      });
      await clock.advance(8_000);
      await failing;
      assert.equal(failedAtMs, afterMs);
      assert.equal(clock.pendingTimers, 0);
    });
  }

  it('lets a dial into a partition run into its time limit', async () => {
    const { clock, network, consumer, server } = bench({ latency: () => 10 });
    let accepted = 0;
    await server.listen(at('10.0.0.1:80'), () => {
      accepted += 1;
    });
    network.partition(SERVER);
    const failing = assert.rejects(consumer.dial(at('10.0.0.1:80'), { timeoutMs: 500, signal }), {
      code: 'timeout',
    });
    await clock.advance(500);
    await failing;
    network.repair(SERVER);
    await clock.advance(100);
    assert.equal(accepted, 0, 'a request that was given up is not accepted after the repair');
  });

  it('delivers after a repair what was sent during a partition, in order', async () => {
    const { clock, network, dialled, accepted } = await connected({ latency: () => 5 });
    network.partition(SERVER);
    await dialled.write(Buffer.from('one '));
    await clock.advance(1_000);
    network.repair(SERVER);
    await dialled.write(Buffer.from('two'));
    dialled.shutdownWrite();
    const got = readAll(accepted);
    await clock.advance(5);
    assert.equal(await got, 'one two');
  });

  it('gives up a dial when told, and resets what was accepted meanwhile', async () => {
    const { clock, consumer, server } = bench({ latency: () => 10 });
    let accepted: AcceptedConnection | undefined;
    await server.listen(at('10.0.0.1:80'), (connection) => {
      accepted = connection;
    });
    const abort = new AbortController();
    const dialling = consumer.dial(at('10.0.0.1:80'), { timeoutMs: 500, signal: abort.signal });
    const reason = new Error('no longer wanted');
    const failing = assert.rejects(dialling, reason);
    await clock.advance(15);
    abort.abort(reason);
    await failing;
    await clock.advance(20);
    assert(accepted !== undefined);
    await assert.rejects(accepted.read(), { code: 'ECONNRESET' });
    assert.equal(clock.pendingTimers, 0);
  });

  it('leads what is dialled at a captured address to its listener, which learns of the address', async () => {
    const { network, consumer, server } = bench({});
    const arrived = Promise.withResolvers<AcceptedConnection>();
    await server.listen(at('10.0.0.1:9999'), arrived.resolve);
    network.capture(VIRTUAL_IP, at('10.0.0.1:9999'));
    const dialled = await consumer.dial(at('172.17.0.1:6379'), { timeoutMs: 100, signal });
    const accepted = await arrived.promise;
    assert.deepEqual(accepted.originalDestination(), at('172.17.0.1:6379'));
    assert.deepEqual(accepted.local, at('10.0.0.1:9999'));
    assert.equal(accepted.peer.address, CONSUMER);
    assert.deepEqual(dialled.peer, at('172.17.0.1:6379'));
  });

  it('sends a request again that a rule drops, and goes where the rules lead by then', async () => {
    const { clock, network, consumer, server } = bench({});
    let drops = 3;
    network.lead(VIRTUAL_IP, () => {
      drops -= 1;
      return drops < 0 ? { kind: 'to', at: at('10.0.0.1:9999') } : { kind: 'lost' };
    });
    await server.listen(at('10.0.0.1:9999'), () => undefined);
    let connectedAtMs: number | undefined;
    void consumer.dial(at('172.17.0.1:80'), { timeoutMs: 20_000, signal }).then(() => {
      connectedAtMs = clock.monotonicMs();
    });
    await clock.advance(20_000);
    assert.equal(connectedAtMs, 7_000, 'after 1, 2 and 4 s');
    assert.equal(clock.pendingTimers, 0);
  });

  it('refuses what a rule rejects', async () => {
    const { network, consumer } = bench({});
    network.lead(VIRTUAL_IP, () => ({ kind: 'rejected' }));
    await assert.rejects(consumer.dial(at('172.17.0.1:80'), { timeoutMs: 100, signal }), { code: 'refused' });
  });

  for (const [way, isHeard] of [
    ['in', false],
    ['out', true],
  ] as const) {
    it(`lets ${isHeard ? 'requests' : 'nothing'} through where only the way ${way} is cut`, async () => {
      const { clock, network, consumer, server } = bench({ latency: () => 10 });
      let accepted = 0;
      await server.listen(at('10.0.0.1:80'), () => {
        accepted += 1;
      });
      network.partition(SERVER, way);
      const failing = assert.rejects(consumer.dial(at('10.0.0.1:80'), { timeoutMs: 500, signal }), {
        code: 'timeout',
      });
      await clock.advance(500);
      await failing;
      assert.equal(accepted, isHeard ? 1 : 0);
      network.repair(SERVER);
      await clock.advance(100);
      assert.equal(network.openConnections, 0, 'an answer that comes too late is reset');
    });
  }

  it('keeps the order of what is sent while the way gets shorter', async () => {
    const { clock, network, dialled, accepted } = await connected({ latency: () => 5 });
    network.delay(SERVER, 1_000);
    await dialled.write(Buffer.from('one '));
    network.delay(SERVER, 0);
    await dialled.write(Buffer.from('two'));
    dialled.shutdownWrite();
    let arrivedAtMs: number | undefined;
    const beganAtMs = clock.monotonicMs();
    const got = readAll(accepted).then((text) => {
      arrivedAtMs = clock.monotonicMs();
      return text;
    });
    await clock.advance(2_000);
    assert.equal(await got, 'one two');
    assert.equal((arrivedAtMs ?? 0) - beganAtMs, 1_005);
  });

  it('breaks both sides of the connections of an address at once', async () => {
    const { network, dialled, accepted } = await connected({ latency: () => 5 });
    network.breakConnections(SERVER);
    for (const side of [dialled, accepted]) await assert.rejects(side.read(), { code: 'ECONNRESET' });
    assert.equal(network.openConnections, 0);
  });

  it('resets the connections of a killed process, whose host stays', async () => {
    const { clock, consumer, server, dialled } = await connected({});
    await server.listen(at('10.0.0.1:80'), () => undefined);
    server.killSockets();
    await assert.rejects(dialled.read(), { code: 'ECONNRESET' });
    const dialling = consumer.dial(at('10.0.0.1:80'), { timeoutMs: 100, signal });
    await assert.rejects(dialling, { code: 'refused' });
    assert.equal(clock.pendingTimers, 0);
  });

  it('[P22] lets nothing that is sent to a host without a word come back', async () => {
    const { clock, network, server, dialled } = await connected({ latency: () => 5 });
    server.leave('vanish');
    await dialled.write(Buffer.from('anybody there?'));
    await clock.advance(29_000);
    assert.equal(network.openConnections, 1);
    await clock.advance(1_000);
    assert.equal(network.openConnections, 0);
  });

  it('resets the connections of a host that leaves, and frees its address', async () => {
    const { network, server, dialled } = await connected({});
    server.leave('reset');
    await assert.rejects(dialled.read(), { code: 'ECONNRESET' });
    assert.equal(network.openConnections, 0);
    assert.doesNotThrow(() => network.host([SERVER]));
  });

  it('[P22] lets a peer notice after a while that a host is gone without a word', async () => {
    const { clock, network, server, dialled } = await connected({});
    server.leave('vanish');
    const lost = assert.rejects(dialled.read(), { code: 'ETIMEDOUT' });
    await clock.advance(29_999);
    assert.equal(network.openConnections, 1);
    await clock.advance(1);
    await lost;
    assert.equal(network.openConnections, 0);
  });
});

describe('SimHost', () => {
  it('listens at an address of its own only, once', async () => {
    const { server } = bench({});
    await assert.rejects(
      server.listen(at('10.0.0.2:80'), () => undefined),
      { code: 'no-address' },
    );
    const listening = await server.listen(at('10.0.0.1:80'), () => undefined);
    await assert.rejects(
      server.listen(at('10.0.0.1:80'), () => undefined),
      { code: 'in-use' },
    );
    await listening.close();
    await listening.close();
    await assert.doesNotReject(server.listen(at('10.0.0.1:80'), () => undefined));
  });

  it('accepts at every address of its own when it listens on all', async () => {
    const { consumer, server } = bench({});
    await server.listen(at('0.0.0.0:80'), () => undefined);
    await assert.doesNotReject(consumer.dial(at('10.0.0.1:80'), { timeoutMs: 100, signal }));
  });
});

function bench(options: SimNetworkOptions): Bench {
  const clock = new SimClock(settle);
  const network = new SimNetwork({ clock }, options);
  return { clock, network, consumer: network.host([CONSUMER]), server: network.host([SERVER]) };
}

async function connected(
  options: SimNetworkOptions,
): Promise<Bench & { readonly dialled: Connection; readonly accepted: AcceptedConnection }> {
  const made = bench(options);
  const arrived = Promise.withResolvers<AcceptedConnection>();
  const listening = await made.server.listen(at('10.0.0.1:80'), arrived.resolve);
  const dialling = made.consumer.dial(at('10.0.0.1:80'), { timeoutMs: 1_000, signal });
  await made.clock.advance(100);
  await listening.close();
  return { ...made, dialled: await dialling, accepted: await arrived.promise };
}

async function readAll(connection: Connection): Promise<string> {
  const chunks: Uint8Array[] = [];
  for (let chunk = await connection.read(); chunk !== undefined; chunk = await connection.read()) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
