import assert from 'node:assert/strict';
import { responsesOf } from '../../../src/adapters/etcd/watch-response.ts';

const NOTHING = {
  header: { revision: '9' },
  watch_id: '4',
  created: false,
  canceled: false,
  compact_revision: '0',
  cancel_reason: '',
  events: [],
};
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const EVENTS = [
  { type: 'PUT', kv: { key: bytes('/a'), value: bytes('ä') } },
  { type: 'Delete', kv: { key: bytes('/b'), value: bytes('') } },
];

const ROWS: readonly { name: string; message: Partial<typeof NOTHING> & object; kinds: readonly string[] }[] =
  [
    { name: 'a watch that was made', message: { created: true }, kinds: ['created'] },
    {
      name: 'a watch that was refused',
      message: { created: true, canceled: true, watch_id: '-1', cancel_reason: 'permission denied' },
      kinds: ['refused'],
    },
    { name: 'a sign of life', message: {}, kinds: [] },
    { name: 'a cancellation', message: { canceled: true }, kinds: ['cancelled'] },
  ];

describe('responsesOf', () => {
  for (const row of ROWS) {
    it(`understands ${row.name}`, () => {
      const kinds = [...responsesOf({ ...NOTHING, ...row.message })].map(({ kind }) => kind);
      assert.deepEqual(kinds, row.kinds);
    });
  }

  it('reads events in their order', () => {
    assert.deepEqual(
      [...responsesOf({ ...NOTHING, events: EVENTS })],
      [
        {
          kind: 'events',
          watchId: '4',
          events: [
            { kind: 'put', key: '/a', value: 'ä' },
            { kind: 'delete', key: '/b' },
          ],
          revision: '9',
        },
      ],
    );
  });

  it('[P16] knows a compaction from other cancellations', () => {
    const troubles = ['0', '17'].map((revision) => {
      const [response] = responsesOf({ ...NOTHING, canceled: true, compact_revision: revision });
      assert.ok(response?.kind === 'cancelled');
      return `${response.error.trouble}: ${response.error.message}`;
    });
    assert.deepEqual(troubles, [
      'busy: etcdserver: the watch was cancelled: no reason given',
      'compacted: the history before revision 17 is compacted',
    ]);
  });
});
