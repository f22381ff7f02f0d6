import assert from 'node:assert/strict';
import { connect } from '../../../support/tcp-world.ts';
import { nodeTcpWorld } from '../../../support/node-tcp-world.ts';
import { inNamespace } from '../in-namespace.ts';

const COMMANDS = ['iptables', 'ip6tables'];

/** What each dial must look like at the accepting side: the rules stand in the program that dials. */
const EXPECTED = [
  { dialled: '10.9.9.9:80', local: '127.0.0.1:9999', original: '10.9.9.9:80' },
  { dialled: '10.9.9.8:80', local: '127.0.0.1:9998', original: '10.9.9.8:80' },
  { dialled: '[fd00::9]:80', local: '[::1]:9999', original: '[fd00::9]:80' },
  { dialled: '[fd00::8]:80', local: '[::1]:9997', original: '[fd00::8]:80' },
  { dialled: '127.0.0.1:9999', local: '127.0.0.1:9999', original: '127.0.0.1:9999' },
  { dialled: '127.0.0.1:9998', local: '127.0.0.1:9998', original: '127.0.0.1:9998' },
  { dialled: '[::1]:9999', local: '[::1]:9999', original: '[::1]:9999' },
];

describe('originalDestination', () => {
  for (const host of ['127.0.0.1', '::1']) {
    it(`is the local address of an untranslated connection to ${host}`, async () => {
      await using world = await nodeTcpWorld(host);
      const { accepted } = await connect(world);
      assert.deepEqual(accepted.originalDestination(), accepted.local);
    });
  }

  it('[C5] finds where it meant to go behind REDIRECT and DNAT, in both families', async function () {
    this.timeout(30_000);
    const answer = await inNamespace(new URL('./translated-connections.ts', import.meta.url), COMMANDS);
    if ('skip' in answer) {
      if (this.test !== undefined) this.test.title += ` (skipped: ${answer.skip})`;
      return this.skip();
    }
    assert.deepEqual(answer.output, { seen: EXPECTED, unreachable: 'unreachable' });
  });
});
