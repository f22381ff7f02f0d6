import assert from 'node:assert/strict';
import { tracePacket } from '../../../sim/iptables/trace-packet.ts';
import { formatSocketAddress } from '../../../src/domain/address.ts';
import { INTERFACES, inWords, packetOf } from '../../sim/iptables/traced-host.ts';
import { captureOf } from '../../support/capture-of.ts';
import { CAPTURE_SCENES, FROM_CONSUMER, VIRTUAL } from '../../support/capture-scenes.ts';
import { SimHost } from './sim-host.ts';
import type { ForeignProgram } from '../../../sim/iptables/foreign-rules.ts';
import type { Trace } from '../../../sim/iptables/trace-packet.ts';
import type { Capture } from '../../../src/ports/redirector.ts';
import type { PacketRow } from '../../sim/iptables/traced-host.ts';

const { signal } = new AbortController();

describe('IptablesRedirector, by packets', () => {
  for (const { name: scene, capture, beside = [], packets } of CAPTURE_SCENES) {
    for (const { name, verdict, ...row } of packets) {
      it(`[C4] ${scene}: what comes ${name} is ${verdict}`, async () => {
        const trace = await traced(capture, beside, row);
        assert.equal(inWords(trace), verdict, trace.steps.join('\n'));
      });
    }
  }

  it('[C4] leaves the original destination to be asked for', async () => {
    const trace = await traced(captureOf(['docker0']), [], FROM_CONSUMER);
    assert(trace.verdict === 'delivered');
    assert.equal(formatSocketAddress(trace.originalDestination), VIRTUAL);
  });
});

async function traced(capture: Capture, beside: readonly ForeignProgram[], row: PacketRow): Promise<Trace> {
  await using host = new SimHost();
  for (const program of ['docker' as const, ...beside]) host.kernel.startForeign(program);
  await host.redirector().ensure(capture, { signal });
  const network = host.kernel.tracedHost({ interfaces: INTERFACES, defaultInterface: 'eth0' });
  return tracePacket(network, packetOf(row));
}
