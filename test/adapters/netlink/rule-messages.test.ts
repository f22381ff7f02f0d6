import assert from 'node:assert/strict';
import fc from 'fast-check';
import { readRuleAnswer, rulesRequest } from '../../../src/adapters/netlink/rule-messages.ts';

/** What Linux 6 answers to the request below: a rule with handle 7 of three, shortened, and the end. */
const RULE = [
  '30000000 060a 0200 00000000 00000000 01000000',
  '08000100 61626300 06000200 78000000 0c000300 0000000000000007',
].join('');
const DONE = '14000000 0300 0200 00000000 00000000 00000000';

describe('rulesRequest', () => {
  it('asks for the rules of one chain of one table', () => {
    const request = Buffer.from(rulesRequest({ table: 'inet abc' }, 'x')).toString('hex');
    // Length, kind, flags, number, sender; family, version, resource; table, chain.
    const wanted = '24000000 070a 0103 00000000 00000000 01000000 08000100 61626300 06000200 78000000';
    assert.equal(request, wanted.replaceAll(' ', ''));
  });
});

describe('readRuleAnswer', () => {
  const rows: readonly { readonly name: string; readonly text: string; readonly gives: unknown }[] = [
    { name: 'a rule, and more to come', text: RULE, gives: { handles: [7n], state: 'more' } },
    { name: 'the end', text: DONE, gives: { handles: [], state: 'done' } },
    { name: 'a rule and the end', text: RULE + DONE, gives: { handles: [7n], state: 'done' } },
    {
      name: 'rules that changed meanwhile',
      text: DONE.replace('0200', '1200'),
      gives: { handles: [], state: 'failed' },
    },
    {
      name: 'an error, such as no privilege',
      text: '14000000 0200 0000 00000000 00000000 ffffffff',
      gives: { handles: [], state: 'failed' },
    },
    { name: 'what is cut short', text: RULE.slice(0, 60), gives: { handles: [], state: 'failed' } },
    {
      name: 'a rule without a number',
      text: RULE.replace('0c000300', '0c000400'),
      gives: { handles: [], state: 'failed' },
    },
    { name: 'nothing', text: '', gives: { handles: [], state: 'more' } },
  ];
  for (const { name, text, gives } of rows) {
    it(`reads ${name}`, () => {
      assert.deepEqual(readRuleAnswer(Buffer.from(text.replaceAll(' ', ''), 'hex')), gives);
    });
  }

  it('gives an answer to any bytes', () => {
    const parts = fc.constantFrom(RULE.replaceAll(' ', ''), DONE.replaceAll(' ', ''));
    const bytes = fc.array(fc.oneof(parts, fc.stringMatching(/^(?:[0-9a-f]{2}){1,9}$/)), { maxLength: 6 });
    fc.assert(
      fc.property(bytes, (some) => {
        const { state } = readRuleAnswer(Buffer.from(some.join(''), 'hex'));
        assert(['more', 'done', 'failed'].includes(state));
      }),
    );
  });
});
