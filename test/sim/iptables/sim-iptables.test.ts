import assert from 'node:assert/strict';
import { SimIptables } from '../../../sim/iptables/sim-iptables.ts';
import { tracePacket } from '../../../sim/iptables/trace-packet.ts';
import { RedirectorError } from '../../../src/ports/redirector.ts';
import { CONSUMER, DNAT, LISTENER, VIRTUAL, nat } from './trace-cases.ts';
import { INTERFACES, inWords, packetOf } from './traced-host.ts';
import type { IptablesFault } from '../../../sim/iptables/sim-iptables.ts';
import type { IptablesPlace } from '../../../src/adapters/iptables/iptables-client.ts';

const { signal } = new AbortController();
const PLAIN: IptablesPlace = { program: 'iptables', family: 4 };
const LEGACY: IptablesPlace = { program: 'iptables-legacy', family: 4 };
const NFT: IptablesPlace = { program: 'iptables-nft', family: 4 };

const FAULTS: readonly { readonly fault: IptablesFault; readonly code: RedirectorError['code'] }[] = [
  { fault: 'no command', code: 'no-command' },
  { fault: 'no privilege', code: 'no-privilege' },
  { fault: 'lock held', code: 'busy' },
  { fault: 'no write', code: 'refused' },
];

describe('SimIptables', () => {
  it('[P29] keeps the rules of both variants apart', async () => {
    const client = new SimIptables();
    await client.restore(LEGACY, DNAT, { signal });
    assert.match(await client.save(LEGACY, { signal }), /-j DNAT/);
    assert.equal(await client.save(NFT, { signal }), '');
    assert.equal(await client.save(PLAIN, { signal }), '', 'plain iptables is nft here');
    assert.equal(client.writes, 1);
  });

  it('[P29] is of the variant that the host has as its standard', async () => {
    const client = new SimIptables({ standard: 'legacy', installed: ['legacy'] });
    await client.restore(PLAIN, DNAT, { signal });
    assert.match(client.tablesOf('legacy')[4].save(), /-j DNAT/);
    assert.equal(await client.version('iptables', { signal }), 'iptables v1.8.9 (legacy)');
    await assert.rejects(client.save(NFT, { signal }), codeIs('no-command'));
  });

  it('[P29] applies the rules of both variants to packets', async () => {
    const client = new SimIptables();
    await client.restore(LEGACY, DNAT, { signal });
    const packet = packetOf({ source: CONSUMER, destination: VIRTUAL, from: 'docker0' });
    const trace = tracePacket(client.tracedHost({ interfaces: INTERFACES }), packet);
    assert.equal(inWords(trace), `delivered to ${LISTENER}`);
  });

  it('[P29] has the rules of other programs where they were written', async () => {
    const client = new SimIptables();
    client.startForeign('docker', 'legacy');
    client.startForeign('ufw');
    assert.match(await client.save(LEGACY, { signal }), /^:DOCKER -/m);
    assert.match(await client.save(PLAIN, { signal }), /^:ufw-user-input -/m);
    assert.doesNotMatch(await client.save(PLAIN, { signal }), /DOCKER/);
  });

  it('keeps the families apart', async () => {
    const client = new SimIptables();
    await client.restore({ program: 'iptables', family: 6 }, nat('-A OUTPUT -d fd00::1 -j ACCEPT'), {
      signal,
    });
    assert.equal(await client.save(PLAIN, { signal }), '');
    assert.match(client.tables[6].save(), /-d fd00::1\/128/);
  });

  for (const { fault, code } of FAULTS) {
    it(`[P26] fails as ${code} while there is ${fault}, of one family, and takes nothing`, async () => {
      const client = new SimIptables();
      client.break(4, fault);
      await assert.rejects(client.restore(PLAIN, DNAT, { signal }), codeIs(code));
      await client.restore({ program: 'iptables', family: 6 }, nat('-A OUTPUT -j ACCEPT'), { signal });
      client.repair(4);
      assert.equal(await client.save(PLAIN, { signal }), '');
    });
  }

  it("gives iptables' own words and the name of the command when it refuses", async () => {
    const client = new SimIptables();
    const place: IptablesPlace = { program: 'iptables-nft', family: 6 };
    await assert.rejects(client.restore(place, nat('-A NOPE -j ACCEPT'), { signal }), (error: unknown) => {
      assert(error instanceof RedirectorError);
      assert.equal(error.code, 'refused');
      assert.match(
        error.message,
        /ip6tables-nft-restore: line 2 failed: No chain\/target\/match by that name\./,
      );
      return true;
    });
    assert.equal(client.writes, 0);
  });

  it('lets something happen before the next writing, once', async () => {
    const client = new SimIptables();
    let times = 0;
    client.beforeNextRestore(() => {
      times += 1;
    });
    for (let i = 0; i < 2; i += 1) await client.restore(PLAIN, DNAT, { signal });
    assert.equal(times, 1);
  });

  it('rejects with the reason of an abort', async () => {
    const reason = new Error('the daemon stops');
    const aborted = { signal: AbortSignal.abort(reason) };
    const client = new SimIptables();
    await assert.rejects(client.save(PLAIN, aborted), reason);
    await assert.rejects(client.restore(PLAIN, DNAT, aborted), reason);
    await assert.rejects(client.version('iptables', aborted), reason);
    assert.deepEqual([client.reads, client.writes], [0, 0]);
  });
});

function codeIs(code: RedirectorError['code']): (error: unknown) => boolean {
  return (error) => {
    assert(error instanceof RedirectorError, String(error));
    assert.equal(error.code, code);
    return true;
  };
}
