import assert from 'node:assert/strict';
import { DockerUserPassage } from '../../../src/adapters/iptables/docker-user-passage.ts';
import { address } from '../../support/endpoints.ts';
import { FOREIGN_RULES } from './foreign-rules.ts';
import { NamespaceHost } from './namespace-host.ts';
import { SimHost } from './sim-host.ts';
import type { IptablesClient } from '../../../src/adapters/iptables/iptables-client.ts';

const { signal } = new AbortController();
const MARK = { mark: 0x400_0000 };
const VIRTUAL_IP = address('172.17.0.1');
const VIRTUAL_IP6 = address('fd00::1');
const IPV4 = { program: 'iptables', family: 4 } as const;
const IPV6 = { program: 'iptables', family: 6 } as const;

/** Docker's chain, asked for what is forwarded, with a rule of the operator's. */
const DOCKER = `*filter
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A DOCKER-USER -i eth0 -s 192.0.2.0/24 -j DROP
-A DOCKER-USER -j RETURN
COMMIT
`;

/** The part of a host that both kinds have. */
interface Host extends AsyncDisposable {
  readonly client: IptablesClient;
  rules(): Promise<string>;
  wipe(): Promise<void>;
}

/** Simulated rules, and those of this machine's kernel by either variant. */
const HOSTS: readonly {
  readonly name: string;
  readonly open: () => Promise<Host | { readonly skip: string }>;
}[] = [
  {
    name: 'simulated rules',
    open: () => {
      const host = new SimHost({ installed: ['nft'] });
      return Promise.resolve(Object.assign(host, { client: host.kernel }));
    },
  },
  { name: 'the kernel by iptables-nft', open: () => NamespaceHost.open('nft') },
  { name: 'the kernel by iptables-legacy', open: () => NamespaceHost.open('legacy') },
];

for (const { name, open } of HOSTS) {
  describe(`DockerUserPassage on ${name}`, () => {
    /** Runs a test on a fresh host, or skips it with the reason in its title. */
    function on(run: (host: Host, passage: DockerUserPassage) => Promise<void>): Mocha.AsyncFunc {
      return async function (): Promise<void> {
        const host = await open();
        if ('skip' in host) {
          if (this.test !== undefined) this.test.title += ` (skipped: ${host.skip})`;
          return this.skip();
        }
        await using used = host;
        await run(used, new DockerUserPassage(used.client, MARK));
      };
    }

    async function write(host: Host): Promise<void> {
      await host.client.restore(IPV4, DOCKER, { signal });
      await host.client.restore(IPV6, DOCKER.replace(/^.*192\.0\.2.*\n/m, ''), { signal });
    }

    it(
      'writes one rule of each family, once, and removes it',
      on(async (host, passage) => {
        await write(host);
        const before = await host.rules();
        for (let times = 0; times < 3; times += 1) {
          assert.deepEqual(await passage.ensure([VIRTUAL_IP, VIRTUAL_IP6], { signal }), new Map());
          const ours = (await host.rules()).split('\n').filter((line) => line.includes('embassy'));
          assert.equal(ours.length, 2);
          assert.match(
            ours[0] ?? '',
            /^-A DOCKER-USER .*--mark 0x4000000\/0x4000000 .*--ctorigdst 172\.17\.0\.1 /,
          );
        }
        const again = new DockerUserPassage(host.client, MARK);
        assert.equal(await again.cleanup({ signal }), true);
        assert.equal(await host.rules(), before);
        assert.equal(await again.cleanup({ signal }), false);
      }),
    );

    it(
      'replaces its rule of another mark, and one that no packet comes to',
      on(async (host, passage) => {
        await write(host);
        await passage.ensure([VIRTUAL_IP], { signal });
        const once = await host.rules();
        await new DockerUserPassage(host.client, { mark: 1 }).ensure([VIRTUAL_IP], { signal });
        assert.notEqual(await host.rules(), once);
        await passage.ensure([VIRTUAL_IP], { signal });
        assert.equal(await host.rules(), once);
        await host.client.restore(
          { program: 'iptables', family: 4 },
          '*filter\n-I DOCKER-USER 1 -j RETURN\nCOMMIT\n',
          { signal },
        );
        await passage.ensure([VIRTUAL_IP], { signal });
        const chain = (await host.rules()).split('\n').filter((line) => line.startsWith('-A DOCKER-USER'));
        assert.match(chain[0] ?? '', /embassy/);
      }),
    );

    it(
      'says where Docker has no such chain, or does not ask it, and writes nothing',
      on(async (host, passage) => {
        const unasked = DOCKER.replace('-A FORWARD -j DOCKER-USER\n', '');
        for (const text of ['', FOREIGN_RULES, unasked]) {
          await host.wipe();
          if (text !== '') await host.client.restore(IPV4, text, { signal });
          const before = await host.rules();
          const reasons = await passage.ensure([VIRTUAL_IP], { signal });
          assert.match(reasons.get(4) ?? '', /Docker has no chain DOCKER-USER here/);
          assert.equal(await host.rules(), before);
        }
      }),
    );
  });
}

describe('DockerUserPassage', () => {
  it('says what is wrong with iptables, as its errors do', async () => {
    await using host = new SimHost();
    host.kernel.startForeign('docker');
    host.kernel.break(4, 'no write');
    const passage = new DockerUserPassage(host.kernel, MARK);
    assert.match((await passage.ensure([VIRTUAL_IP], { signal })).get(4) ?? '', /Table does not exist/);
    host.kernel.break(4, 'no command');
    const other = new DockerUserPassage(host.kernel, MARK);
    assert.match((await other.ensure([VIRTUAL_IP], { signal })).get(4) ?? '', /is not installed/);
    host.kernel.repair(4);
    assert.deepEqual(await other.ensure([VIRTUAL_IP], { signal }), new Map());
  });

  it('[C9] says that a rule could not be removed, and removes the one of the other family', async () => {
    await using host = new SimHost();
    host.kernel.startForeign('docker');
    await host.kernel.restore(IPV6, DOCKER.replace(/^.*192\.0\.2.*\n/m, ''), { signal });
    const passage = new DockerUserPassage(host.kernel, MARK);
    await passage.ensure([VIRTUAL_IP, VIRTUAL_IP6], { signal });
    host.kernel.break(4, 'no write');
    assert.match(await host.kernel.save(IPV6, { signal }), /embassy/);
    await assert.rejects(passage.cleanup({ signal }), /Table does not exist/);
    assert.doesNotMatch(await host.kernel.save(IPV6, { signal }), /embassy/);
    host.kernel.repair(4);
    assert.equal(await passage.cleanup({ signal }), true);
    assert.equal(await passage.cleanup({ signal }), false);
  });

  it('writes where Docker did, of two variants', async () => {
    await using host = new SimHost({ standard: 'nft' });
    host.kernel.startForeign('docker', 'legacy');
    await new DockerUserPassage(host.kernel, MARK).ensure([VIRTUAL_IP], { signal });
    assert.match(host.kernel.tablesOf('legacy')[4].save(), /embassy/);
    assert.doesNotMatch(host.kernel.tablesOf('nft')[4].save(), /embassy/);
  });

  it('rejects with the reason of an abort', async () => {
    await using host = new SimHost();
    const reason = new Error('the daemon stops');
    const passage = new DockerUserPassage(host.kernel, MARK);
    await assert.rejects(passage.ensure([VIRTUAL_IP], { signal: AbortSignal.abort(reason) }), reason);
  });
});
