import assert from 'node:assert/strict';
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { SimStateClient } from '../../../sim/state/sim-state-client.ts';
import { createStateClient } from '../../../src/adapters/state/client.ts';
import { StateStore } from '../../../src/adapters/state/state-store.ts';
import { SnapshotStoreError } from '../../../src/ports/snapshot-store.ts';
import { serviceName } from '../../support/bindings.ts';
import { endpoint } from '../../support/endpoints.ts';
import type { StateClient } from '../../../src/adapters/state/state-client.ts';
import type { RememberedService } from '../../../src/ports/snapshot-store.ts';

const SIGNAL = new AbortController().signal;

const KNOWN: readonly RememberedService[] = [
  {
    discovery: 'etcd',
    service: serviceName('/services/prod/web'),
    endpoints: [endpoint(1), endpoint(2, { weight: 3, tags: ['ä', 'b"c'] })],
    knownAtMs: 1_700_000_000_000,
  },
  { discovery: 'file', service: serviceName('empty'), endpoints: [], knownAtMs: 0 },
];

interface Place extends AsyncDisposable {
  readonly client: StateClient;
  /** Puts a text where the file is. */
  put(text: string): Promise<void>;
}

const PLACES: readonly { readonly name: string; readonly open: () => Promise<Place> }[] = [
  {
    name: 'simulated',
    open: async () => {
      const client = new SimStateClient();
      return {
        client,
        put: async (text) => {
          client.put(text);
        },
        [Symbol.asyncDispose]: async () => undefined,
      };
    },
  },
  {
    name: 'on disk',
    open: async () => {
      const directory = await mkdtemp(join(tmpdir(), 'embassy-test-'));
      const client = createStateClient(join(directory, 'state'));
      await client.write('');
      await rm(client.path);
      return {
        client,
        put: async (text) => writeFile(client.path, text),
        [Symbol.asyncDispose]: async () => rm(directory, { recursive: true }),
      };
    },
  },
];

for (const { name, open } of PLACES) {
  describe(`StateStore, ${name}`, () => {
    it('has nothing before anything was saved', async () => {
      await using place = await open();
      const store = new StateStore(place);
      assert.deepEqual(await store.load({ signal: SIGNAL }), { services: [], problems: [] });
    });

    it('loads what was saved last', async () => {
      await using place = await open();
      const store = new StateStore(place);
      await store.save([]);
      await store.save(KNOWN);
      assert.deepEqual(await new StateStore(place).load({ signal: SIGNAL }), {
        services: KNOWN,
        problems: [],
      });
    });

    it('names a damaged file, sets it aside and goes on without it', async () => {
      await using place = await open();
      const { client } = place;
      await place.put('{"form": "embassy');
      const store = new StateStore(place);
      const { services, problems } = await store.load({ signal: SIGNAL });
      assert.deepEqual(services, []);
      const aside = `set aside as ${client.path}.damaged, starting without it`;
      assert.deepEqual(problems, [
        { place: client.path, message: `cannot be used: it is not a whole document of embassy; ${aside}` },
      ]);
      assert.deepEqual(await store.load({ signal: SIGNAL }), { services: [], problems: [] });
    });

    it('uses nothing of a file in which any byte was changed or is missing', async () => {
      await using place = await open();
      const store = new StateStore(place);
      await store.save(KNOWN);
      const whole = await place.client.read({ signal: SIGNAL });
      assert(whole !== undefined);
      await fc.assert(
        fc.asyncProperty(
          fc.nat({ max: whole.length - 1 }),
          fc.constantFrom('', '0', 'x', '"', ' '),
          async (at, other) => {
            fc.pre(whole[at] !== other);
            await place.put(whole.slice(0, at) + other + whole.slice(at + 1));
            const { services, problems } = await store.load({ signal: SIGNAL });
            assert.deepEqual([services.length, problems.length], [0, 1]);
          },
        ),
        { numRuns: 60 },
      );
    });
  });
}

describe('createStateClient', () => {
  it('leaves nothing but the file, readable by its owner alone', async () => {
    await using place = await PLACES[1]?.open();
    assert(place !== undefined);
    const { client } = place;
    await client.write('one');
    await client.write('two');
    assert.equal(await readFile(client.path, 'utf8'), 'two');
    assert.deepEqual(await readdir(join(client.path, '..')), ['endpoints.json']);
    assert.equal((await stat(client.path)).mode & 0o777, 0o600);
  });

  it('says which file cannot be written, and why', async () => {
    const client = createStateClient('/dev/null/state');
    const message = '/dev/null/state/endpoints.json cannot be written: a part of its path is no directory';
    await assert.rejects(client.write('x'), new SnapshotStoreError(message));
  });
});
