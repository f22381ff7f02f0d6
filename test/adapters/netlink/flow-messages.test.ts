import assert from 'node:assert/strict';
import fc from 'fast-check';
import { readCutAnswer, readFlowAnswer } from '../../../src/adapters/netlink/flow-messages.ts';

const DESTINATION = Uint8Array.from([172, 30, 0, 1]);

/** Addresses and ports of one direction, as the kernel writes them. */
function tuple(kind: string, source: string, destination: string, ports: string): string {
  const ip = `1400 0180 0800 0100 ${source} 0800 0200 ${destination}`;
  const [from, to] = [ports.slice(0, 4), ports.slice(4)];
  const proto = `1c00 0280 0500 0100 06000000 0600 0200 ${from}0000 0600 0300 ${to}0000`;
  return `3400 ${kind}80 ${ip} ${proto}`;
}

/** A flow from 172.30.0.2:1025 to 172.30.0.1:80, led to 10.30.0.1:8080. */
const ORIGINAL = tuple('01', 'ac1e0002', 'ac1e0001', '04010050');
const REPLY = tuple('02', '0a1e0001', 'ac1e0002', '1f900401');
const FLOW = `7c000000 0001 0200 00000000 00000000 02000000 ${ORIGINAL} ${REPLY}`;
/** The other way round, with a protocol that has no bytes at the very end. */
const BARE = '2000 0180 1400 0180 0800 0100 ac1e0002 0800 0200 ac1e0001 0800 0280 0400 0100';
const DONE = '14000000 0300 0200 00000000 00000000 00000000';

function bytes(text: string): Uint8Array {
  return Buffer.from(text.replaceAll(' ', ''), 'hex');
}

describe('readFlowAnswer', () => {
  const LED = {
    protocol: 'tcp',
    source: { address: '172.30.0.2', port: 1025 },
    destination: { address: '172.30.0.1', port: 80 },
    endpoint: { address: '10.30.0.1', port: 8080 },
  };
  const rows: readonly { readonly name: string; readonly text: string; readonly gives: unknown }[] = [
    { name: 'a flow and the end', text: FLOW + DONE, gives: { flows: [LED], state: 'done' } },
    { name: 'a flow, and more to come', text: FLOW, gives: { flows: [LED], state: 'more' } },
    {
      name: 'nothing of a flow to another destination',
      text: FLOW.replace('0800 0200 ac1e0001', '0800 0200 ac1e0009'),
      gives: { flows: [], state: 'more' },
    },
    {
      name: 'nothing of another protocol',
      text: FLOW.replace('0500 0100 06', '0500 0100 01'),
      gives: { flows: [], state: 'more' },
    },
    {
      name: 'nothing of a flow whose protocol has no bytes',
      text: `68000000 0001 0200 00000000 00000000 02000000 ${REPLY} ${BARE}`,
      gives: { flows: [], state: 'more' },
    },
    {
      name: 'a failure in a list that the kernel did not finish',
      text: '14000000 0300 0200 00000000 00000000 f4ffffff',
      gives: { flows: [], state: 'failed' },
    },
    {
      name: 'a failure in an error',
      text: '14000000 0200 0000 00000000 00000000 ffffffff',
      gives: { flows: [], state: 'failed' },
    },
    {
      name: 'a failure in what is cut short',
      text: FLOW.slice(0, 90),
      gives: { flows: [], state: 'failed' },
    },
  ];
  for (const { name, text, gives } of rows) {
    it(`reads ${name}`, () => {
      assert.deepEqual(readFlowAnswer(bytes(text), 4, [DESTINATION]), gives);
    });
  }

  it('gives an answer to any bytes', () => {
    const parts = fc.constantFrom(...[FLOW, DONE, ORIGINAL].map((text) => text.replaceAll(' ', '')));
    const some = fc.array(fc.oneof(parts, fc.stringMatching(/^(?:[0-9a-f]{2}){1,9}$/)), { maxLength: 6 });
    fc.assert(
      fc.property(some, fc.constantFrom(4 as const, 6 as const), (texts, family) => {
        const { state } = readFlowAnswer(bytes(texts.join('')), family, [DESTINATION]);
        assert(['more', 'done', 'failed'].includes(state));
        assert.notEqual(readCutAnswer(bytes(texts.join(''))), 0);
      }),
    );
  });
});
