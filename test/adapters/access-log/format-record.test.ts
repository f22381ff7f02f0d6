import assert from 'node:assert/strict';
import { formatRecord } from '../../../src/adapters/access-log/format-record.ts';
import { serviceName } from '../../support/bindings.ts';
import { at } from '../../support/addresses.ts';
import type { AccessRecord } from '../../../src/ports/access-log.ts';

const RELAYED: AccessRecord = {
  acceptedAtMs: 0,
  durationMs: 1_500.123_456,
  source: at('172.17.0.2:49152'),
  destination: at('10.9.9.9:80'),
  consumerName: 'web-1',
  service: serviceName('/a'),
  endpoint: '10.0.0.2:80',
  dials: 1,
  dialMs: 0.5,
  bytesToEndpoint: 1,
  bytesToConsumer: 12,
  outcome: { kind: 'relayed', end: 'half-close timeout' },
};

const TIME = '2030-01-02T03:04:05.678Z';

const UNKNOWN = { destination: undefined, consumerName: undefined, service: undefined, endpoint: undefined };

describe('formatRecord', () => {
  it('writes one flat line of JSON', () => {
    assert.equal(
      formatRecord(RELAYED, TIME),
      '{"time":"2030-01-02T03:04:05.678Z","consumer":"web-1","source":"172.17.0.2:49152",' +
        '"destination":"10.9.9.9:80","service":"/a","endpoint":"10.0.0.2:80","outcome":"relayed",' +
        '"reason":"half-close_timeout","dials":1,"dialMs":0.5,"durationMs":1500.123,' +
        '"bytesToEndpoint":1,"bytesToConsumer":12}\n',
    );
  });

  it('has the same keys in the same order where little is known', () => {
    const refused = formatRecord(
      { ...RELAYED, ...UNKNOWN, outcome: { kind: 'refused', reason: 'unbound' } },
      TIME,
    );
    const document = JSON.parse(refused) as Record<string, unknown>;
    assert.deepEqual(Object.keys(document), Object.keys(JSON.parse(formatRecord(RELAYED, TIME)) as object));
    assert.deepEqual(
      [document['service'], document['destination'], document['reason']],
      [null, null, 'unbound'],
    );
  });

  it('lets no name of a container write a line of its own', () => {
    const line = formatRecord({ ...RELAYED, consumerName: 'web\n{"outcome":"relayed"}\u001b[2K' }, TIME);
    assert.equal(line.indexOf('\n'), line.length - 1);
    assert.ok(!line.includes('\u001b'));
  });
});
