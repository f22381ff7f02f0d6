import assert from 'node:assert/strict';
import { binding } from '../../support/bindings.ts';
import { APART, ScriptedPassage } from './bridges-apart.ts';
import { RulesBench, told } from './rules-bench.ts';
import type { BridgePassage } from '../../../src/ports/bridge-passage.ts';
import type { Binding } from '../../../src/domain/binding.ts';
import type { PoolSnapshot } from '../../../src/domain/route.ts';

const CONSUMER = '172.30.0.2';
const FAR = '172.31.0.5:8080';
const DIALLED = { source: `${CONSUMER}:7`, to: '172.30.0.1:80' };
const ANSWER = { source: FAR, to: '172.31.0.1:7', from: 'br-other', flags: ['syn', 'ack'] };

/** A consumer's binding with its endpoints. */
function leading(to: readonly string[], text = '/a;80'): readonly [Binding, PoolSnapshot] {
  return [binding(CONSUMER, text), told(text, to)];
}

function apart(passage: BridgePassage): RulesBench {
  const bench = new RulesBench({ passage });
  bench.nft.somebody(APART);
  return bench;
}

describe('the rules of NftablesProxier between two bridges', () => {
  it('mark packets of both ways, and of nothing else', async () => {
    const bench = apart(new ScriptedPassage());
    await bench.sync(leading([FAR]));
    assert.equal(bench.send(DIALLED), `by br-other to ${FAR} as 172.31.0.1`);
    assert.equal(bench.send(ANSWER), `by docker0 to ${CONSUMER}:7 as 172.30.0.1`);
    assert.equal(bench.send({ source: CONSUMER, to: FAR }), 'dropped', 'what a consumer dials by itself');
    assert.equal(bench.send({ ...DIALLED, source: '172.30.0.9:7' }), 'here at 172.30.0.1:80');
    assert.equal(bench.send({ source: '172.31.0.7', from: 'br-other', to: `${CONSUMER}:80` }), 'dropped');
  });

  it('take the mark off again, and leave bits of others', async () => {
    const bench = apart(new ScriptedPassage());
    bench.nft.somebody(
      'add table inet z\nadd chain inet z behind { type filter hook forward priority 20; }\n' +
        'add rule inet z behind meta mark 0x11 accept\nadd rule inet z behind drop',
    );
    await bench.sync(leading([FAR]));
    assert.equal(bench.send({ ...DIALLED, mark: 0x11 }), `by br-other to ${FAR} as 172.31.0.1`);
  });

  it('are there only while something crosses, and let flows of an endpoint that is gone end', async () => {
    const passage = new ScriptedPassage();
    const bench = apart(passage);
    const chains = (): readonly string[] =>
      [...(bench.nft.ruleset.get('inet embassy')?.chains.keys() ?? [])].filter((name) =>
        name.startsWith('cross'),
      );
    await bench.sync(leading(['10.30.0.1:80']));
    assert.deepEqual(chains(), []);
    await bench.sync(leading([FAR]));
    assert.deepEqual(chains(), ['crossing', 'crossed']);
    bench.send(DIALLED);
    await bench.sync(leading(['10.30.0.1:80']));
    assert.equal(bench.send({ ...DIALLED, flags: ['ack'] }), `by br-other to ${FAR} as 172.31.0.1`);
    await bench.sync();
    assert.deepEqual(chains(), []);
    assert.deepEqual(passage.asked, ['cleanup', 'ensure 172.30.0.1', 'cleanup']);
  });

  it('leave to userspace what nothing lets through, until it is', async () => {
    const passage = new ScriptedPassage();
    passage.reason = 'nobody opens';
    const bench = apart(passage);
    const [bound, pool] = leading([FAR]);
    await bench.sync([bound, pool]);
    assert.equal(bench.proxier.carries(bound.id), false);
    assert.equal(bench.send(DIALLED), 'here at 172.30.0.1:80');
    assert.match(bench.log.messages('info').join(), /is carried in userspace: nobody opens/);
    passage.reason = undefined;
    await bench.clock.advance(3_000);
    assert.equal(bench.proxier.carries(bound.id), true);
    assert.equal(bench.send({ ...DIALLED, source: `${CONSUMER}:8` }), `by br-other to ${FAR} as 172.31.0.1`);
    passage.reason = 'nobody opens';
    await bench.clock.advance(3_000);
    assert.equal(bench.proxier.carries(bound.id), false);
    await bench.proxier[Symbol.asyncDispose]();
    assert.equal(bench.clock.pendingTimers, 0);
    assert.equal(passage.asked.at(-1), 'cleanup');
  });

  it('[P27] are mended within three seconds where somebody flushed them', async () => {
    const bench = apart(new ScriptedPassage());
    await bench.sync(leading([FAR]));
    bench.nft.somebody('flush chain inet embassy crossing');
    assert.equal(bench.send(DIALLED), 'dropped');
    await bench.clock.advance(3_000);
    assert.equal(bench.send({ ...DIALLED, source: `${CONSUMER}:8` }), `by br-other to ${FAR} as 172.31.0.1`);
  });
});
