import assert from 'node:assert/strict';
import { SimClock } from '../../sim/clock.ts';
import { SimEngine } from '../../sim/docker/sim-engine.ts';
import { SimKernel } from '../../sim/kernel.ts';
import { SeededRandom } from '../../sim/random.ts';
import { at } from '../support/addresses.ts';
import { settle } from '../support/settle.ts';

const RULES = `*nat
:EMBASSY - [0:0]
-A PREROUTING -d 172.17.0.1/32 -p tcp -m comment --comment embassy -j EMBASSY
-A EMBASSY -i docker0 -p tcp -j DNAT --to-destination 172.17.0.1:9999
COMMIT
`;
const { signal } = new AbortController();
const PLACE = { program: 'iptables', family: 4 } as const;

function kernel(): SimKernel {
  const engine = new SimEngine({ clock: new SimClock(settle), random: new SeededRandom(1) });
  engine.createNetwork('apps');
  return new SimKernel({ engine }, { listener: at('172.17.0.1:9999') });
}

describe('SimKernel', () => {
  const dial = [at('172.17.0.2:40000'), at('172.17.0.1:80')] as const;

  it('leads what is dialled as its rules say, from the bridges they name', async () => {
    const made = kernel();
    assert.deepEqual(made.lead(...dial), { kind: 'to', at: at('172.17.0.1:80') });
    await made.iptables.restore(PLACE, RULES, { signal });
    assert.deepEqual(made.lead(...dial), { kind: 'to', at: at('172.17.0.1:9999') });
    const other = made.lead(at('172.20.0.2:40000'), at('172.17.0.1:80'));
    assert.deepEqual(other, { kind: 'to', at: at('172.17.0.1:80') });
    assert.equal(made.jumpsTo('EMBASSY'), 1);
    assert.deepEqual(
      made.probe().map(({ led }) => led.kind === 'to' && led.at.port),
      [9_999, 6_379],
    );
  });

  it('[P27] forgets a wiped rule at once', async () => {
    const made = kernel();
    await made.iptables.restore(PLACE, RULES, { signal });
    made.lead(...dial);
    const { version } = made;
    made.wipe();
    assert.notEqual(made.version, version);
    assert.deepEqual(made.lead(...dial), { kind: 'to', at: at('172.17.0.1:80') });
    assert.equal(made.jumpsTo('EMBASSY'), 0);
  });

  it('lets a firewall that starts drop what it did not allow', () => {
    const made = kernel();
    made.restartFirewall('ufw');
    assert.deepEqual(made.lead(...dial), { kind: 'lost' });
    made.restartFirewall('firewalld');
    assert.deepEqual(made.lead(...dial), { kind: 'rejected' });
  });

  it('tells of interfaces that go, unless it is mute', () => {
    const made = kernel();
    const socket = made.links.open();
    made.loseInterface();
    assert.notEqual(socket.read(), undefined);
    made.setMute(true);
    made.loseInterface();
    assert.equal(socket.read(), undefined);
  });
});
