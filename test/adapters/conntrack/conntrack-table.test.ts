import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SimConntrack } from '../../../sim/conntrack/sim-conntrack.ts';
import { ConntrackError } from '../../../src/adapters/conntrack/conntrack-client.ts';
import { createConntrackClient } from '../../../src/adapters/conntrack/client.ts';
import { ConntrackTable } from '../../../src/adapters/conntrack/conntrack-table.ts';
import { FlowTableError } from '../../../src/ports/flow-table.ts';

const NONE = { max: undefined, establishedTimeoutMs: undefined };

describe('ConntrackTable', () => {
  it('reads how full the table is', async () => {
    const client = new SimConntrack();
    client.setCount(812);
    assert.deepEqual(await new ConntrackTable({ client }).read(), { count: 812, max: 1000 });
  });

  for (const { name, prepare } of [
    {
      name: 'tracks nothing',
      prepare: (client: SimConntrack): void => {
        client.settings.clear();
      },
    },
    {
      name: 'has no limit',
      prepare: (client: SimConntrack): void => {
        client.settings.set('nf_conntrack_max', '0\n');
      },
    },
    {
      name: 'answers what is no number',
      prepare: (client: SimConntrack): void => {
        client.settings.set('nf_conntrack_count', 'many\n');
      },
    },
  ]) {
    it(`has nothing to tell where the kernel ${name}`, async () => {
      const client = new SimConntrack();
      prepare(client);
      assert.equal(await new ConntrackTable({ client }).read(), undefined);
    });
  }

  it('sets what is asked for and nothing else, the time in whole seconds', async () => {
    const client = new SimConntrack();
    const table = new ConntrackTable({ client });
    await table.limit(NONE);
    assert.equal(client.settings.get('nf_conntrack_max'), '1000\n');
    await table.limit({ max: 262_144, establishedTimeoutMs: 300_500 });
    assert.equal(client.settings.get('nf_conntrack_max'), '262144\n');
    assert.equal(client.settings.get('nf_conntrack_tcp_timeout_established'), '301\n');
  });

  it('sets the time also where the count is not ours to set, as in a container', async () => {
    const client = new SimConntrack();
    client.refuse('forbidden', ['nf_conntrack_max']);
    const limits = { max: 5, establishedTimeoutMs: 300_000 };
    await assert.rejects(new ConntrackTable({ client }).limit(limits), /nf_conntrack_max cannot be set to 5/);
    assert.equal(client.settings.get('nf_conntrack_tcp_timeout_established'), '300\n');
  });

  it('names all that cannot be set at once', async () => {
    const client = new SimConntrack();
    client.refuse('refused');
    await assert.rejects(
      new ConntrackTable({ client }).limit({ max: 5, establishedTimeoutMs: 1_000 }),
      /nf_conntrack_max cannot .* value; nf_conntrack_tcp_timeout_established cannot be set to 1: .* value$/,
    );
  });

  for (const { code, words } of [
    { code: 'missing', words: /nf_conntrack_max cannot be set to 5: the kernel tracks no connections here/ },
    { code: 'forbidden', words: /only root may, in the network namespace of the host/ },
    { code: 'refused', words: /the kernel refuses the value/ },
  ] as const) {
    it(`says what to do where setting a limit is ${code}`, async () => {
      const client = new SimConntrack();
      client.refuse(code);
      await assert.rejects(
        new ConntrackTable({ client }).limit({ ...NONE, max: 5 }),
        (error) => error instanceof FlowTableError && words.test(error.message),
      );
    });
  }
});

describe('createConntrackClient', () => {
  it('reads and writes what the kernel shows as files, and makes none', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'embassy-test-'));
    try {
      const client = createConntrackClient(directory);
      await writeFile(join(directory, 'nf_conntrack_max'), '1000\n');
      await client.write('nf_conntrack_max', '2000');
      assert.equal(await client.read('nf_conntrack_max'), '2000\n'.slice(0, 4) + '\n');
      assert.equal(await client.read('nf_conntrack_count'), undefined);
      await assert.rejects(client.write('nf_conntrack_count', '1'), new ConntrackError('missing'));
      await assert.rejects(readFile(join(directory, 'nf_conntrack_count')));
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
