import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { iptablesClient } from '../../../src/adapters/iptables/client.ts';
import { RedirectorError } from '../../../src/ports/redirector.ts';
import { NamespaceHost } from './namespace-host.ts';
import type { IptablesPlace } from '../../../src/adapters/iptables/iptables-client.ts';

const { signal } = new AbortController();
const IPV4: IptablesPlace = { program: 'iptables', family: 4 };

describe('iptablesClient', () => {
  it('says no-command when a command is missing', async () => {
    const client = iptablesClient({ prefix: ['embassy-no-such-command'] });
    await assert.rejects(client.save(IPV4, { signal }), codeIs('no-command'));
  });

  it('says no-privilege as a user without CAP_NET_ADMIN', async function () {
    if (process.getuid?.() !== 0) this.skip();
    const prefix = ['setpriv', '--reuid', '65534', '--clear-groups', '--bounding-set', '-all'];
    const client = iptablesClient({ prefix });
    await assert.rejects(client.save(IPV4, { signal }), codeIs('no-privilege'));
    await assert.rejects(client.restore(IPV4, '*nat\nCOMMIT\n', { signal }), codeIs('no-privilege'));
  });

  it("gives iptables' own words, and takes nothing of a text with one bad line", async function () {
    const host = await NamespaceHost.open();
    if ('skip' in host) {
      this.skip();
    } else {
      await using kernel = host;
      const before = await kernel.rules();
      const text = '*nat\n:EMBASSY - [0:0]\n-A EMBASSY -j NOWHERE\nCOMMIT\n';
      await assert.rejects(kernel.client.restore(IPV4, text, { signal }), (error: unknown) => {
        assert(error instanceof RedirectorError);
        assert.equal(error.code, 'refused');
        assert.match(error.message, /line 3|NOWHERE/);
        return true;
      });
      assert.equal(await kernel.rules(), before);
      assert.match(await kernel.client.version('iptables', { signal }), /^iptables v\d/);
    }
  });

  it('rejects after an abort only when the command has ended, so that nobody writes behind us', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'embassy-test-'));
    const file = join(directory, 'pid');
    const abort = new AbortController();
    const reason = new Error('the daemon stops');
    try {
      const client = iptablesClient({ prefix: ['sh', '-c', 'echo $$ > $0; exec sleep 30', file] });
      const writing = client.restore(IPV4, '', { signal: abort.signal });
      while (!existsSync(file) || readFileSync(file).length === 0) await new Promise(setImmediate);
      abort.abort(reason);
      await assert.rejects(writing, reason);
      const pid = Number(readFileSync(file, 'utf8'));
      assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('rejects with the reason of an abort', async () => {
    const reason = new Error('the daemon stops');
    await assert.rejects(iptablesClient().save(IPV4, { signal: AbortSignal.abort(reason) }), reason);
  });
});

function codeIs(code: RedirectorError['code']): (error: unknown) => boolean {
  return (error) => {
    assert(error instanceof RedirectorError, String(error));
    assert.equal(error.code, code);
    return true;
  };
}
