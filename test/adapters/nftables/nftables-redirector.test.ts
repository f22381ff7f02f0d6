import assert from 'node:assert/strict';
import { RedirectorError } from '../../../src/ports/redirector.ts';
import { describeRedirectorContract } from '../../contracts/redirector.contract.ts';
import { captureOf } from '../../support/capture-of.ts';
import { NftRedirectorHost, SimRedirectorHost } from './redirector-hosts.ts';

const { signal } = new AbortController();
const CAPTURE = captureOf(['docker0']);

describeRedirectorContract('NftablesRedirector, simulated,', () => Promise.resolve(new SimRedirectorHost()));
describeRedirectorContract('NftablesRedirector, on the kernel,', async () => NftRedirectorHost.open());

describe('NftablesRedirector', () => {
  it('[C9] refuses a table of somebody else by its name, and leaves it at the end', async () => {
    const host = new SimRedirectorHost();
    host.nft.somebody('add table inet embassy-capture\nadd chain inet embassy-capture theirs');
    await assert.rejects(host.redirector().ensure(CAPTURE, { signal }), {
      code: 'refused',
      message: "the table inet embassy-capture is somebody else's: it has a chain theirs",
    });
    assert.equal(await host.redirector().cleanup({ signal }), false);
    assert.match(await host.rules(), /theirs/);
  });

  it('captures IPv4 where the kernel refuses IPv6, says so once, and tries again later', async () => {
    const host = new SimRedirectorHost();
    const redirector = host.redirector();
    const both = captureOf(['docker0'], ['172.17.0.1', 'fd00::1']);
    host.nft.refuseNext();
    assert.equal(await redirector.ensure(both, { signal }), true);
    assert.doesNotMatch(await host.rules(), /ip6/);
    assert.equal(await redirector.ensure(both, { signal }), false);
    const [warning = '', ...more] = host.log.messages('warn');
    assert.match(warning, /^IPv6 is not captured: nft refused .*/);
    assert.deepEqual(more, []);
    for (let call = 0; call < 10; call += 1) await redirector.ensure(both, { signal });
    assert.match(await host.rules(), /ip6/);
  });

  const failures = [
    [
      'no command',
      'no-command',
      /no nft command\. Install it \(Debian and Ubuntu: apt-get install nftables\)/,
    ],
    ['no privilege', 'no-privilege', /CAP_NET_ADMIN\. Or use --listen/],
    ['busy', 'busy', /embassy tries again\.$/],
  ] as const;
  for (const [fault, code, words] of failures) {
    it(`says what to do about ${fault}`, async () => {
      const host = new SimRedirectorHost();
      host.nft.break(fault);
      const error: unknown = await host
        .redirector()
        .ensure(CAPTURE, { signal })
        .catch((reason: unknown) => reason);
      assert(error instanceof RedirectorError);
      assert.equal(error.code, code);
      assert.match(error.inWords, words);
    });
  }

  describe('beside a firewall written with nft', () => {
    const CLOSED = [
      'add table inet filter',
      'add chain inet filter input { type filter hook input priority filter; policy drop; }',
      'add rule inet filter input ct state established accept',
    ].join('\n');

    async function warnings(script: string, context: Mocha.Context): Promise<readonly string[]> {
      const host = await NftRedirectorHost.open();
      if ('skip' in host) return context.skip();
      await using resources = new AsyncDisposableStack();
      resources.use(host);
      host.nft(script);
      const redirector = host.redirector();
      for (let call = 0; call < 12; call += 1) await redirector.ensure(CAPTURE, { signal });
      return host.log.messages('warn');
    }

    it('[P32] says once what lets captured connections in', async function () {
      assert.deepEqual(await warnings(CLOSED, this), [
        "the firewall chain 'inet filter input' drops what it does not accept, captured connections too: " +
          'let them in (nft insert rule inet filter input ct status dnat accept), ' +
          'and in the file it is loaded from',
      ]);
    });

    it('[P32] says nothing where they are let in, or nothing is dropped', async function () {
      const opened = `${CLOSED}\nadd rule inet filter input ct status dnat accept`;
      assert.deepEqual(await warnings(opened, this), []);
      assert.deepEqual(await warnings(CLOSED.replace('policy drop', 'policy accept'), this), []);
    });
  });
});
