import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { listeningPorts, listeningSockets } from '../../../src/adapters/node/listening-ports.ts';
import { address } from '../../support/endpoints.ts';

const HEADING =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';

describe('listeningSockets', () => {
  for (const { name, line, expected } of [
    {
      name: 'one of an IPv4 address',
      line: '   0: 010011AC:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1',
      expected: [{ address: '172.17.0.1', port: 80 }],
    },
    {
      name: 'one of every IPv6 address',
      line: `  12: ${'0'.repeat(32)}:1F90 ${'0'.repeat(32)}:0000 0A 0:0 00:0 0 0 0 1`,
      expected: [{ address: '::', port: 8080 }],
    },
    {
      name: 'one of an IPv6 address',
      line: `   1: 000000FD000000000000000001000000:0016 ${'0'.repeat(32)}:0000 0A 0:0 00:0 0 0 0 1`,
      expected: [{ address: 'fd00::1', port: 22 }],
    },
    {
      name: 'no connection',
      line: '   0: 010011AC:0050 020011AC:C350 01 00000000:00000000 00:00000000 00000000     0        0 1 1',
      expected: [],
    },
    { name: 'no line of another shape', line: 'nonsense', expected: [] },
  ]) {
    it(`reads ${name}`, () => {
      assert.deepEqual(listeningSockets(`${HEADING}${line}\n`), expected);
    });
  }
});

describe('listeningPorts', () => {
  it('finds a listener at an address and at all addresses, and not one at another address', async () => {
    const [own, every] = [createServer().listen(0, '127.0.0.77'), createServer().listen(0, '0.0.0.0')];
    await Promise.all([once(own, 'listening'), once(every, 'listening')]);
    try {
      const ports = [own, every].map((server) => {
        const at = server.address();
        return typeof at === 'object' ? at?.port : undefined;
      });
      const seen = listeningPorts([address('127.0.0.77')]);
      assert(ports.every((port) => seen.some((each) => each === port)));
      assert(!listeningPorts([address('127.0.0.78')]).some((each) => each === ports[0]));
    } finally {
      own.close();
      every.close();
    }
  });
});
