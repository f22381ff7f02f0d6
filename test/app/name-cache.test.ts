import assert from 'node:assert/strict';
import { SimClock } from '../../sim/clock.ts';
import { MemoryLog } from '../../sim/log.ts';
import { SeededRandom } from '../../sim/random.ts';
import { SimResolver } from '../../sim/resolver.ts';
import { NameCache } from '../../src/app/name-cache.ts';
import { parseHostName } from '../../src/domain/address.ts';
import { address } from '../support/endpoints.ts';
import { settle } from '../support/settle.ts';
import type { HostName } from '../../src/domain/address.ts';
import type { Resolver } from '../../src/ports/resolver.ts';

const DB = hostName('db');

function hostName(text: string): HostName {
  const name = parseHostName(text);
  if (name === undefined) throw new Error(`not a host name: ${text}`);
  return name;
}

function start(resolver: Resolver = new SimResolver()): {
  clock: SimClock;
  log: MemoryLog;
  cache: NameCache;
} {
  const [clock, log] = [new SimClock(settle), new MemoryLog()];
  return { clock, log, cache: new NameCache({ clock, log, random: new SeededRandom(1), resolver }) };
}

describe('NameCache', () => {
  it('asks once for a name, however many hold it, and until the last lets it go', async () => {
    const resolver = new SimResolver();
    resolver.set('db', [address('10.0.0.1')]);
    const { clock, cache } = start(resolver);
    let changes = 0;
    const releases = [1, 2].map(() =>
      cache.hold(DB, () => {
        changes += 1;
      }),
    );
    await clock.advance(0);
    assert.deepEqual([resolver.asked, changes], [1, 2]);
    assert.deepEqual(cache.addressesOf(DB), ['10.0.0.1']);
    releases[0]?.();
    releases[0]?.();
    await clock.advance(30_000);
    assert.deepEqual([resolver.asked, changes], [2, 2]);
    releases[1]?.();
    await clock.advance(0);
    await cache.close();
    assert.deepEqual(cache.names, []);
    assert.equal(clock.pendingTimers, 0);
  });

  it('says once that a name cannot be resolved, tries on, and says when it can', async () => {
    const resolver = new SimResolver();
    const { clock, log, cache } = start(resolver);
    const release = cache.hold(DB, () => undefined);
    await clock.advance(120_000);
    assert.equal(cache.addressesOf(DB), undefined);
    assert.deepEqual(log.messages('warn'), [
      'host name db cannot be resolved (there is no such name); its endpoints are left out, trying again',
    ]);
    resolver.set('db', [address('10.0.0.1')]);
    await clock.advance(30_000);
    assert.deepEqual(log.messages('info'), [
      'host name db can be resolved again',
      'host name db is 10.0.0.1',
    ]);
    release();
    await cache.close();
  });

  it('asks for no more than two names at once, and for each in turn', async () => {
    const asked: string[] = [];
    const answers = new Map<string, () => void>();
    const { clock, cache } = start({
      resolve: async (name) => {
        asked.push(name);
        await new Promise<void>((resolve) => {
          answers.set(name, resolve);
        });
        return [address('10.0.0.1')];
      },
    });
    const releases = ['a', 'b', 'c', 'd'].map((name) => cache.hold(hostName(name), () => undefined));
    await clock.advance(0);
    assert.deepEqual(asked, ['a', 'b']);
    answers.get('b')?.();
    await clock.advance(0);
    assert.deepEqual(asked, ['a', 'b', 'c']);
    for (const release of releases) release();
    for (const name of ['a', 'c', 'd']) answers.get(name)?.();
    await clock.advance(0);
    answers.get('d')?.();
    await cache.close();
    assert.equal(clock.pendingTimers, 0);
  });
});
