import assert from 'node:assert/strict';
import { PublishedPorts } from '../../src/domain/published-port.ts';
import { address, port } from '../support/endpoints.ts';
import { at } from '../support/addresses.ts';
import type { PublishedPort } from '../../src/domain/published-port.ts';

function published(rest: Partial<PublishedPort> = {}): PublishedPort {
  const addresses = [address('172.17.0.7'), address('fd00::7')];
  return { at: 4, port: port(80), protocol: 'tcp', addresses, containerPort: port(8080), ...rest };
}

describe('PublishedPorts', () => {
  const rows: readonly {
    readonly name: string;
    readonly ports: readonly PublishedPort[];
    readonly asked: string;
    readonly behind: readonly string[];
  }[] = [
    {
      name: 'every address of a family',
      ports: [published()],
      asked: '192.0.2.1:80',
      behind: ['172.17.0.7'],
    },
    { name: 'of IPv6 alike', ports: [published({ at: 6 })], asked: '[fd01::1]:80', behind: ['fd00::7'] },
    {
      name: 'one address alone',
      ports: [published({ at: address('192.0.2.1') })],
      asked: '192.0.2.1:80',
      behind: ['172.17.0.7'],
    },
    {
      name: 'not another address',
      ports: [published({ at: address('192.0.2.1') })],
      asked: '192.0.2.2:80',
      behind: [],
    },
    { name: 'not the other family', ports: [published()], asked: '[fd01::1]:80', behind: [] },
    { name: 'not another port', ports: [published()], asked: '192.0.2.1:81', behind: [] },
    {
      name: 'not another protocol',
      ports: [published({ protocol: 'udp' })],
      asked: '192.0.2.1:80',
      behind: [],
    },
    {
      name: 'nobody while two containers claim it',
      ports: [published(), published({ addresses: [address('172.17.0.8')] })],
      asked: '192.0.2.1:80',
      behind: [],
    },
  ];
  for (const { name, ports, asked, behind } of rows) {
    it(`finds what is behind a port: ${name}`, () => {
      const found = new PublishedPorts(ports).behind(at(asked), 'tcp');
      assert.deepEqual(
        found,
        behind.map((each) => ({ address: each, port: 8080 })),
      );
    });
  }
});
