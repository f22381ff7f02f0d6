import assert from 'node:assert/strict';
import { deletionWords, isNothingDeleted } from '../../../src/adapters/conntrack-command/deletion.ts';
import { address, port } from '../../support/endpoints.ts';

const FLOWS = {
  protocol: 'tcp',
  source: address('172.17.0.2'),
  destination: { address: address('172.17.0.1'), port: port(80) },
  endpoint: undefined,
} as const;

describe('deletionWords', () => {
  it('names who began the flows and where to, all of it', () => {
    const words = deletionWords(FLOWS).join(' ');
    assert.equal(words, '-D -p tcp --orig-src 172.17.0.2 --orig-dst 172.17.0.1 --orig-port-dst 80');
  });

  it('names who answers, too, where only one endpoint is meant [P24]', () => {
    const words = deletionWords({ ...FLOWS, endpoint: { address: address('10.0.0.1'), port: port(8_080) } });
    assert.deepEqual(words.slice(-4), ['--reply-src', '10.0.0.1', '--reply-port-src', '8080']);
  });
});

describe('isNothingDeleted', () => {
  it('tells that there was nothing from what went wrong', () => {
    assert.equal(
      isNothingDeleted('conntrack v1.4.7 (conntrack-tools): 0 flow entries have been deleted.\n'),
      true,
    );
    assert.equal(isNothingDeleted('conntrack v1.4.7: Operation failed: Operation not permitted\n'), false);
    assert.equal(isNothingDeleted('conntrack v1.4.7: 10 flow entries have been deleted.\n'), false);
  });
});
