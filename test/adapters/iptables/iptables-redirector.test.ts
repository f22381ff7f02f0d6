import assert from 'node:assert/strict';
import { RedirectorError } from '../../../src/ports/redirector.ts';
import { describeRedirectorContract } from '../../contracts/redirector.contract.ts';
import { captureOf } from './capture-of.ts';
import { NamespaceHost } from './namespace-host.ts';
import { SimHost } from './sim-host.ts';
import type { IptablesFault } from '../../../sim/iptables/sim-iptables.ts';

describeRedirectorContract('IptablesRedirector on simulated rules', () => Promise.resolve(new SimHost()));
describeRedirectorContract('IptablesRedirector on the kernel', () => NamespaceHost.open());

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
    says: /Permission denied.*CAP_NET_ADMIN.*--listen needs no rule and no privilege/s,
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

  it('says so when an IPv6 address is to be captured and ip6tables is missing', async () => {
    await using host = new SimHost();
    host.kernel.break(6, 'no command');
    const error = await rejection(host.redirector().ensure(BOTH_FAMILIES, { signal }));
    assert.match(error.message, /ip6tables-save -t nat is not installed/);
  });

  it('[P26] puts the first family back when the second is refused', async () => {
    await using host = new SimHost();
    const before = await host.rules();
    host.kernel.break(6, 'no write');
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

  it('reports an interface that no rule can name once, and captures the others', async () => {
    await using host = new SimHost();
    const redirector = host.redirector();
    for (let i = 0; i < 2; i += 1) await redirector.ensure(captureOf(['br+', 'docker0']), { signal });
    assert.deepEqual(host.log.messages('warn'), [
      "The interface 'br+' has a name that iptables cannot take; its consumers are not captured.",
    ]);
    assert.match(await host.rules(), /-A EMBASSY -i docker0 /);
  });
});

const PACKETS = [
  { name: 'from a captured bridge to the virtual IP', inInterface: 'docker0', to: '172.17.0.1:9999' },
  { name: 'from the other captured bridge', inInterface: 'br1', to: '172.17.0.1:9999' },
  { name: 'from outside to the virtual IP', inInterface: 'eth0', to: undefined },
  {
    name: 'from a bridge to another address',
    inInterface: 'docker0',
    destination: '172.17.0.2',
    to: undefined,
  },
  { name: 'over UDP', inInterface: 'docker0', protocol: 'udp', to: undefined },
] as const;

describe('IptablesRedirector, by packets', () => {
  for (const { name, to, ...packet } of PACKETS) {
    it(`[C4] ${to === undefined ? 'lets pass' : 'captures'} what comes ${name}`, async () => {
      await using host = new SimHost();
      await host.redirector().ensure(captureOf(['br1', 'docker0']), { signal });
      const shown = { destination: '172.17.0.1', destinationPort: 80, protocol: 'tcp', ...packet } as const;
      assert.equal(host.kernel.tables[4].trace(shown), to);
    });
  }

  it("[C4] comes before Docker's rule for a published port", async () => {
    await using host = new SimHost();
    await host.writeForeignRules();
    await host.redirector().ensure(captureOf(['br1']), { signal });
    const packet = { destination: '172.17.0.1', destinationPort: 8080, protocol: 'tcp' } as const;
    assert.equal(host.kernel.tables[4].trace({ ...packet, inInterface: 'br1' }), '172.17.0.1:9999');
    assert.equal(host.kernel.tables[4].trace({ ...packet, inInterface: 'eth0' }), '172.17.0.2:80');
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
