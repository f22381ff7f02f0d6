import assert from 'node:assert/strict';
import { RedirectorError } from '../../../src/ports/redirector.ts';
import { IptablesRedirector } from '../../../src/adapters/iptables/iptables-redirector.ts';
import { describeRedirectorContract } from '../../contracts/redirector.contract.ts';
import { captureOf } from '../../support/capture-of.ts';
import { NamespaceHost } from './namespace-host.ts';
import { SimHost } from './sim-host.ts';
import type { IptablesFault } from '../../../sim/iptables/sim-iptables.ts';
import type { IptablesClient } from '../../../src/adapters/iptables/iptables-client.ts';

describeRedirectorContract('IptablesRedirector on simulated rules', () => Promise.resolve(new SimHost()));
describeRedirectorContract('IptablesRedirector on the kernel by iptables-nft', () =>
  NamespaceHost.open('nft'),
);
describeRedirectorContract('IptablesRedirector on the kernel by iptables-legacy', () =>
  NamespaceHost.open('legacy'),
);

const { signal } = new AbortController();
const CAPTURE = captureOf(['docker0']);
const BOTH_FAMILIES = captureOf(['docker0'], ['172.17.0.1', 'fd00::1']);

const FAULTS: readonly {
  readonly name: string;
  readonly fault: IptablesFault;
  readonly code: RedirectorError['code'];
  readonly says: RegExp;
}[] = [
  {
    name: '[P26] says busy when another program holds the lock',
    fault: 'lock held',
    code: 'busy',
    says: /holding the xtables lock.*tries again/s,
  },
  {
    name: 'names the capability and --listen when it has no privilege',
    fault: 'no privilege',
    code: 'no-privilege',
    says: /Permission denied.*CAP_NET_ADMIN.*Or use --listen: it needs no rule and no privilege/s,
  },
  {
    name: 'says what to install when there is no iptables',
    fault: 'no command',
    code: 'no-command',
    says: /not installed.*apt-get install iptables.*--listen/s,
  },
  {
    name: 'gives the own words of iptables when the kernel refuses',
    fault: 'no write',
    code: 'refused',
    says: /Table does not exist.*--listen/s,
  },
];

describe('IptablesRedirector', () => {
  for (const { name, fault, code, says } of FAULTS) {
    it(`${name}, and changes nothing`, async () => {
      await using host = new SimHost();
      const before = await host.rules();
      host.kernel.break(4, fault);
      const error = await rejection(host.redirector().ensure(CAPTURE, { signal }));
      assert.equal(error.code, code);
      assert.match(`${error.message} ${error.hint}`, says);
      assert.equal(await host.rules(), before);
    });
  }

  it('needs no ip6tables where no IPv6 address is captured', async () => {
    await using host = new SimHost();
    host.kernel.break(6, 'no command');
    assert.equal(await host.redirector().ensure(CAPTURE, { signal }), true);
    assert.equal(await host.redirector().cleanup({ signal }), true);
  });

  for (const { fault, words } of [
    { fault: 'no command', words: /^IPv6 is not captured: .*ip6tables-save is not installed/ },
    { fault: 'no write', words: /^IPv6 is not captured: .*Table does not exist/ },
  ] as const) {
    it(`captures IPv4 all the same where IPv6 has ${fault}, says so once, and IPv6 when it can`, async () => {
      await using host = new SimHost();
      host.kernel.break(6, fault);
      const redirector = host.redirector();
      assert.equal(await redirector.ensure(BOTH_FAMILIES, { signal }), true);
      const narrow = await host.rules();
      assert.match(narrow, /-A EMBASSY -i docker0 .*172\.17\.0\.1:9999/);
      assert.doesNotMatch(narrow, /fd00::1/);
      for (let look = 0; look < 30; look += 1) await redirector.ensure(BOTH_FAMILIES, { signal });
      assert.equal(await host.rules(), narrow);
      assert.equal(host.log.messages('warn').length, 1);
      assert.match(host.log.messages('warn')[0] ?? '', words);
      host.kernel.repair(6);
      for (let look = 0; look < 12; look += 1) await redirector.ensure(BOTH_FAMILIES, { signal });
      assert.match(await host.rules(), /\[fd00::1\]:9999/);
    });
  }

  it('[P26] changes nothing when IPv4 is refused, though IPv6 could be written', async () => {
    await using host = new SimHost();
    const before = await host.rules();
    host.kernel.break(4, 'no write');
    const error = await rejection(host.redirector().ensure(BOTH_FAMILIES, { signal }));
    assert.equal(error.code, 'refused');
    assert.equal(await host.rules(), before);
  });

  it('reads again when somebody changes its rules between its reading and its writing', async () => {
    await using host = new SimHost();
    await host.redirector().ensure(CAPTURE, { signal });
    const once = await host.rules();
    await host.doubleOurRules();
    host.kernel.beforeNextRestore(() => {
      host.kernel.tables[4].wipe();
    });
    assert.equal(await host.redirector().ensure(CAPTURE, { signal }), true);
    assert.equal(await host.rules(), once);
  });

  it('does not try again what the kernel refuses as it is', async () => {
    await using host = new SimHost();
    host.kernel.break(4, 'no write');
    let tries = 0;
    const count = (): void => {
      tries += 1;
      host.kernel.beforeNextRestore(count);
    };
    host.kernel.beforeNextRestore(count);
    await rejection(host.redirector().ensure(CAPTURE, { signal }));
    assert.equal(tries, 1, 'the rules were read again and are the same, so the answer would be');
  });

  it('[C4] ignores counters', async () => {
    await using host = new SimHost();
    const redirector = host.redirector();
    await redirector.ensure(CAPTURE, { signal });
    host.kernel.tables[4].count(1_000);
    assert.equal(await redirector.ensure(CAPTURE, { signal }), false);
    assert.equal(host.kernel.writes, 1);
  });

  it('removes a jump that an operator added elsewhere, so that the chain can go', async () => {
    await using host = new SimHost();
    const before = await host.rules();
    await host.redirector().ensure(CAPTURE, { signal });
    host.kernel.tables[4].restore('*nat\n-A OUTPUT -d 172.17.0.1/32 -p tcp -j EMBASSY\nCOMMIT\n');
    await host.redirector().cleanup({ signal });
    assert.equal(await host.rules(), before);
  });

  it('does not advise another capture mode to who only wants the rules gone', async () => {
    await using host = new SimHost();
    for (const fault of ['no privilege', 'no command'] as const) {
      host.kernel.break(4, fault);
      const error = await rejection(host.redirector().cleanup({ signal }));
      assert.doesNotMatch(error.inWords, /--listen/);
    }
  });

  it('[P26] puts a table back when the kernel refuses another of the same family', async () => {
    await using host = new SimHost();
    host.kernel.startForeign('docker');
    const before = await host.rules();
    const client: IptablesClient = {
      save: (place, options) => host.kernel.save(place, options),
      version: (program, options) => host.kernel.version(program, options),
      restore: (place, text, options) =>
        host.kernel.restore(place, text.replace('-j DNAT', '-m nonsense -j DNAT'), options),
    };
    const redirector = new IptablesRedirector({ client, log: host.log });
    const error = await rejection(redirector.ensure(CAPTURE, { signal }));
    assert.equal(error.code, 'refused');
    assert.equal(await host.rules(), before, 'the filter table was written and must be as before');
    assert.deepEqual(host.log.messages('error'), []);
  });

  it('reads each captured family once where all is well, and no other', async () => {
    await using host = new SimHost();
    host.kernel.startForeign('docker');
    const redirector = host.redirector();
    await redirector.ensure(CAPTURE, { signal });
    for (const [capture, reads] of [
      [CAPTURE, 1],
      [BOTH_FAMILIES, 2],
    ] as const) {
      await redirector.ensure(capture, { signal });
      const before = host.kernel.reads;
      assert.equal(await redirector.ensure(capture, { signal }), false);
      assert.equal(host.kernel.reads - before, reads);
    }
  });

  it('[P32] opens INPUT when a firewall closes it, and shuts it again when that is gone', async () => {
    await using host = new SimHost();
    const redirector = host.redirector();
    await redirector.ensure(CAPTURE, { signal });
    const open = await host.rules();
    assert.doesNotMatch(open, /-j ACCEPT/);
    host.kernel.tables[4].restore('*filter\n:INPUT DROP [0:0]\nCOMMIT\n');
    assert.equal(await redirector.ensure(CAPTURE, { signal }), true);
    const accepts = (await host.rules()).match(/.*-j ACCEPT$/gm);
    assert.equal(accepts?.length, 1);
    assert.match(accepts[0], /--ctorigdst 172\.17\.0\.1 .*--comment "captured by embassy"/);
    host.kernel.tables[4].restore('*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n');
    assert.equal(await redirector.ensure(CAPTURE, { signal }), true);
    assert.equal(await host.rules(), open);
  });
});

async function rejection(promise: Promise<unknown>): Promise<RedirectorError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert(error instanceof RedirectorError, `a RedirectorError must be thrown, not ${String(error)}`);
  return error;
}
