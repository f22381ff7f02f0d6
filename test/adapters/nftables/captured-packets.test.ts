import assert from 'node:assert/strict';
import { PacketTracer } from '../../../sim/nftables/packet-tracer.ts';
import { SeededRandom } from '../../../sim/random.ts';
import { formatSocketAddress } from '../../../src/domain/address.ts';
import { CAPTURE_SCENES, FROM_CONSUMER, VIRTUAL } from '../../support/capture-scenes.ts';
import { captureOf } from '../../support/capture-of.ts';
import { INTERFACES, inWords, packetOf } from '../../sim/iptables/traced-host.ts';
import { SimRedirectorHost } from './redirector-hosts.ts';
import type { Trace } from '../../../sim/nftables/packet.ts';
import type { Capture } from '../../../src/ports/redirector.ts';
import type { PacketRow } from '../../sim/iptables/traced-host.ts';

const { signal } = new AbortController();

/** What Docker writes for a published port, where it writes with nft. */
const DOCKER = `
add table ip docker
add chain ip docker pre { type nat hook prerouting priority dstnat; }
add rule ip docker pre fib daddr type local tcp dport 8080 dnat to 172.17.0.2:80
`;

describe('NftablesRedirector, by packets', () => {
  for (const { name: scene, capture, beside = [], packets } of CAPTURE_SCENES) {
    // Other firewalls write with iptables, whose rules these ones do not meet.
    if (beside.length > 0) continue;
    for (const { name, verdict, ...row } of packets) {
      it(`[C4] ${scene}: what comes ${name} is ${verdict}`, async () => {
        const trace = await traced(capture, row);
        assert.equal(inWords(trace), verdict, trace.steps.join('\n'));
      });
    }
  }

  it('[C4] leaves the original destination to be asked for', async () => {
    const trace = await traced(captureOf(['docker0']), FROM_CONSUMER);
    assert(trace.verdict === 'delivered');
    assert.equal(formatSocketAddress(trace.originalDestination), VIRTUAL);
  });
});

async function traced(capture: Capture, row: PacketRow): Promise<Trace> {
  const host = new SimRedirectorHost();
  const { nft } = host;
  nft.somebody(DOCKER);
  const network = { interfaces: INTERFACES, defaultInterface: 'eth0' };
  const tracer = new PacketTracer({ nftables: nft, network, random: new SeededRandom(1) });
  const { from, state, mark = 0 } = row;
  const { protocol, source, destination } = packetOf(row);
  const sent = { protocol, source, destination, mark, ...(from === undefined ? {} : { from }) };
  // A connection that was there before the rules is not led elsewhere by them.
  if (state === 'ESTABLISHED' && row.translatedTo === undefined) tracer.trace(sent);
  await host.redirector().ensure(capture, { signal });
  if (state === 'ESTABLISHED' && row.translatedTo !== undefined) tracer.trace(sent);
  if (state === 'ESTABLISHED') return tracer.trace({ ...sent, flags: ['ack'] });
  return tracer.trace({ ...sent, isOutOfWindow: state === 'INVALID' });
}
