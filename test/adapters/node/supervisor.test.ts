import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { foreignFunctions } from '../../../src/adapters/node/foreign-functions.ts';
import { findSupervisor } from '../../../src/adapters/node/supervisor.ts';
import { SimClock } from '../../../sim/clock.ts';
import { settle } from '../../support/settle.ts';

/** Linux: AF_UNIX, a datagram socket that never waits; see socket(2). */
const AF_UNIX = 1;
const SOCK_DGRAM_NONBLOCK = 2 | 0o4000;

/** A supervisor that only listens. */
class Listening implements Disposable {
  readonly #fd: number;

  constructor(name: string) {
    const bytes = Buffer.from(name);
    if (bytes[0] === 0x40) bytes[0] = 0;
    const address = Buffer.concat([Buffer.from([AF_UNIX, 0]), bytes]);
    const library = foreignFunctions().load(null);
    this.#fd = Number(library.func('int socket(int a, int b, int c)')(AF_UNIX, SOCK_DGRAM_NONBLOCK, 0));
    const bind = library.func('int bind(int fd, const void *address, uint32_t size)');
    assert.equal(bind(this.#fd, address, address.length), 0);
  }

  /** The next thing that was said; undefined where nothing was. */
  next(): string | undefined {
    const into = Buffer.alloc(200);
    const receive = foreignFunctions()
      .load(null)
      .func('long recv(int fd, void *into, size_t size, int flags)');
    const count = Number(receive(this.#fd, into, into.length, 0));
    return count < 0 ? undefined : into.toString('utf8', 0, count);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

describe('findSupervisor', () => {
  let directory: string;
  let clock: SimClock;

  beforeEach(() => {
    clock = new SimClock(settle);
    directory = mkdtempSync(join(tmpdir(), 'embassy-test-'));
  });

  afterEach(() => {
    rmSync(directory, { recursive: true });
  });

  it('[P37] names the process that takes over, and is not heard of any more', async () => {
    const name = join(directory, 'notify');
    using listening = new Listening(name);
    using supervisor = findSupervisor({ clock }, { NOTIFY_SOCKET: name, WATCHDOG_USEC: '2000000' });
    supervisor.ready();
    supervisor.handTo(4711);
    await clock.advance(10_000);
    assert.deepEqual(
      [listening.next(), listening.next(), listening.next()],
      ['READY=1', 'MAINPID=4711', undefined],
    );
  });

  for (const kind of ['a path', 'a name of the kernel']) {
    it(`says when we serve and when we stop, at ${kind}`, () => {
      const name = `${kind === 'a path' ? '' : '@'}${join(directory, 'notify')}`;
      using listening = new Listening(name);
      using supervisor = findSupervisor({ clock }, { NOTIFY_SOCKET: name });
      assert.equal(supervisor.isThere, true);
      supervisor.ready();
      supervisor.stopping();
      assert.deepEqual(
        [listening.next(), listening.next(), listening.next()],
        ['READY=1', 'STOPPING=1', undefined],
      );
    });
  }

  it('feeds the watchdog for as long as the event loop turns, and no longer than it serves', async () => {
    const name = join(directory, 'notify');
    using listening = new Listening(name);
    const supervisor = findSupervisor({ clock }, { NOTIFY_SOCKET: name, WATCHDOG_USEC: '30000000' });
    supervisor.ready();
    assert.equal(listening.next(), 'READY=1');
    await clock.advance(14_999);
    assert.equal(listening.next(), undefined);
    await clock.advance(15_001);
    assert.deepEqual(
      [listening.next(), listening.next(), listening.next()],
      ['WATCHDOG=1', 'WATCHDOG=1', undefined],
    );
    supervisor[Symbol.dispose]();
    supervisor[Symbol.dispose]();
    await clock.advance(60_000);
    assert.equal(listening.next(), undefined);
  });

  it('leaves the watchdog of another process alone', () => {
    const name = join(directory, 'notify');
    using listening = new Listening(name);
    using supervisor = findSupervisor(
      { clock },
      { NOTIFY_SOCKET: name, WATCHDOG_USEC: '1000', WATCHDOG_PID: '1' },
    );
    supervisor.ready();
    assert.deepEqual([listening.next(), listening.next()], ['READY=1', undefined]);
  });

  for (const name of ['', 'relative', '/', `/${'x'.repeat(200)}`]) {
    it(`says nothing to nobody ('${name.slice(0, 10)}')`, () => {
      using supervisor = findSupervisor({ clock }, { NOTIFY_SOCKET: name });
      assert.equal(supervisor.isThere, false);
      supervisor.ready();
    });
  }

  it('does not mind that nobody listens', () => {
    using supervisor = findSupervisor({ clock }, { NOTIFY_SOCKET: join(directory, 'nobody') });
    supervisor.ready();
  });
});
