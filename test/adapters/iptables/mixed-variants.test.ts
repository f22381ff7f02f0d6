import assert from 'node:assert/strict';
import { RedirectorError } from '../../../src/ports/redirector.ts';
import { captureOf, redirectOf } from '../../support/capture-of.ts';
import { SimHost } from './sim-host.ts';
import type { SimIptablesOptions } from '../../../sim/iptables/sim-iptables.ts';
import type { IptablesKind } from '../../../src/adapters/iptables/iptables-client.ts';

const { signal } = new AbortController();
const CAPTURE = captureOf(['docker0']);

/** More calls than it may take until all variants are looked at again. */
const CALLS = 12;

const PLACES: readonly {
  readonly name: string;
  readonly options?: SimIptablesOptions;
  readonly docker?: IptablesKind;
  readonly writes: IptablesKind;
}[] = [
  { name: "where Docker's are, not the host's default", docker: 'legacy', writes: 'legacy' },
  { name: "where Docker's are and the default is", docker: 'nft', writes: 'nft' },
  { name: 'to the default where there is no Docker', options: { standard: 'legacy' }, writes: 'legacy' },
  { name: 'to the one variant installed', options: { installed: ['nft'] }, writes: 'nft' },
  {
    name: 'to the one variant installed, which has no plain name',
    options: { installed: ['legacy'], standard: 'nft' },
    writes: 'legacy',
  },
];

describe('IptablesRedirector on a host with both variants', () => {
  for (const { name, options = {}, docker, writes } of PLACES) {
    it(`[P29] writes ${name}`, async () => {
      await using host = new SimHost(options);
      if (docker !== undefined) host.kernel.startForeign('docker', docker);
      await host.redirector().ensure(CAPTURE, { signal });
      assert.deepEqual(kindsWithRules(host), [writes]);
      assert.deepEqual(host.log.messages('warn'), []);
    });
  }

  it('[P29] says once which has what where both have rules, and what to do', async () => {
    await using host = new SimHost();
    host.kernel.startForeign('docker', 'legacy');
    host.kernel.startForeign('ufw', 'nft');
    const redirector = host.redirector();
    for (let i = 0; i < CALLS; i += 1) await redirector.ensure(CAPTURE, { signal });
    const warnings = host.log.messages('warn');
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /iptables-legacy has Docker's rules \(.*DOCKER/);
    assert.match(warnings[0] ?? '', /iptables-nft has rules \(INPUT, ufw-/);
    assert.match(warnings[0] ?? '', /writes to iptables-legacy.*update-alternatives/s);
    assert.deepEqual(kindsWithRules(host), ['legacy']);
  });

  it('[P29] follows Docker when it starts with the other variant, and leaves nothing behind', async () => {
    await using host = new SimHost();
    const redirector = host.redirector();
    await redirector.ensure(CAPTURE, { signal });
    assert.deepEqual(kindsWithRules(host), ['nft']);
    host.kernel.startForeign('docker', 'legacy');
    let changes = 0;
    for (let i = 0; i < CALLS; i += 1) if (await redirector.ensure(CAPTURE, { signal })) changes += 1;
    assert.equal(changes, 1);
    assert.deepEqual(kindsWithRules(host), ['legacy']);
  });

  it('[P28] [P29] removes what an earlier run left in the other variant', async () => {
    await using host = new SimHost();
    await host.redirector().ensure(CAPTURE, { signal });
    host.kernel.startForeign('docker', 'legacy');
    await host.redirector().ensure(CAPTURE, { signal });
    assert.deepEqual(kindsWithRules(host), ['legacy']);
  });

  it('[P28] [P29] cleans up in every variant', async () => {
    await using host = new SimHost();
    const before = await host.rules();
    await host.redirector().ensure(CAPTURE, { signal });
    host.kernel.tablesOf('legacy')[6].restore('*filter\n:EMBASSY-INPUT - [0:0]\nCOMMIT\n');
    assert.deepEqual(kindsWithRules(host), ['nft', 'legacy']);
    assert.equal(await host.redirector().cleanup({ signal }), true);
    assert.equal(await host.rules(), before);
    assert.equal(await host.redirector().cleanup({ signal }), false);
  });

  it('[P29] says in words that a nat table cannot be read, and writes nothing', async () => {
    await using host = new SimHost();
    host.kernel.tables[4].makeIncompatible('nat');
    const error = await host
      .redirector()
      .ensure(redirectOf(), { signal })
      .then(
        () => undefined,
        (reason: unknown) => reason,
      );
    assert(error instanceof RedirectorError);
    assert.equal(error.code, 'refused');
    assert.match(error.inWords, /cannot read the table 'nat': .*nft list table ip nat/s);
    assert.equal(host.kernel.writes, 0);
  });

  it('[P29] captures all the same where only the filter table cannot be read, and says so once', async () => {
    await using host = new SimHost();
    host.kernel.tables[4].makeIncompatible('filter');
    const redirector = host.redirector();
    assert.equal(await redirector.ensure(CAPTURE, { signal }), true);
    assert.equal(await redirector.ensure(CAPTURE, { signal }), false);
    assert.equal(host.log.messages('warn').length, 1);
    assert.match(host.log.messages('warn')[0] ?? '', /cannot read the table 'filter'.*leaves it alone/s);
    assert.match(await host.rules(), /-A EMBASSY -i docker0/);
  });
});

function kindsWithRules(host: SimHost): readonly IptablesKind[] {
  return (['nft', 'legacy'] as const).filter((kind) => {
    const tables = host.kernel.tablesOf(kind);
    return (tables[4].save() + tables[6].save()).includes('EMBASSY');
  });
}
