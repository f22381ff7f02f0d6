import assert from 'node:assert/strict';
import { ConsumerSet } from '../../src/app/consumer-set.ts';
import { consumerId } from '../../src/domain/consumer.ts';
import { formatProblem } from '../../src/domain/result.ts';
import { consumer } from '../support/bindings.ts';
import { address, port } from '../support/endpoints.ts';
import type { Consumer } from '../../src/domain/consumer.ts';
import type { ProviderItem } from '../../src/ports/provider.ts';

describe('ConsumerSet', () => {
  it('replaces what a provider told by its snapshot, and leaves other providers alone', () => {
    const set = new ConsumerSet();
    set.take('docker', snapshot([consumer('a'), consumer('b')], ['docker0']));
    set.take('static', snapshot([consumer('s')], []));
    set.take('docker', snapshot([consumer('b')], ['br-1', 'docker0']));
    assert.deepEqual(names(set), ['b', 's']);
    assert.deepEqual(set.interfaces, ['br-1', 'docker0']);
  });

  it('applies changes: a new one, another one under its id, one that is gone', () => {
    const set = new ConsumerSet();
    set.take('docker', snapshot([consumer('a'), consumer('b')], ['docker0']));
    const again = consumer('b', { startedAt: '2026-02-02T00:00:00Z' });
    set.take('docker', {
      kind: 'changes',
      changes: [
        { kind: 'remove', id: consumerId('a') },
        { kind: 'upsert', value: again },
        { kind: 'upsert', value: consumer('c') },
      ],
      problems: [],
    });
    assert.deepEqual(names(set), ['b', 'c']);
    assert.equal(set.consumers[0], again);
    assert.deepEqual(set.interfaces, ['docker0']);
  });

  it('leaves out an interface that no rule can name, and says so', () => {
    const set = new ConsumerSet();
    const problems = set.take('docker', snapshot([consumer('a')], ['br"x', 'docker0', 'br*']));
    assert.deepEqual(set.interfaces, ['docker0']);
    assert.deepEqual(problems.map(formatProblem), [
      'interface br"x: has a name that no rule can take; its consumers are not captured',
      'interface br*: has a name that no rule can take; its consumers are not captured',
    ]);
  });

  it('tells behind which interfaces consumers do not reach each other, for as long as that is so', () => {
    const set = new ConsumerSet();
    const consumers = [consumer('a')];
    const interfaces = ['br-1', 'docker0'];
    set.take('docker', { kind: 'snapshot', consumers, interfaces, apart: ['br-1'], problems: [] });
    set.take('docker', { kind: 'changes', changes: [], problems: [] });
    assert.deepEqual(set.apart, ['br-1']);
    set.take('docker', snapshot(consumers, interfaces));
    assert.deepEqual(set.apart, []);
  });

  it('keeps everything while a provider cannot be asked', () => {
    const set = new ConsumerSet();
    set.take('docker', snapshot([consumer('a')], ['docker0']));
    const { revision } = set;
    set.take('docker', { kind: 'unreachable', reason: 'no such file' });
    assert.deepEqual(names(set), ['a']);
    assert.equal(set.revision, revision, 'nothing changed, so nothing is to be computed anew');
  });

  it('keeps what is published until it is told otherwise, as the same object', () => {
    const set = new ConsumerSet();
    const published = [
      {
        at: 4,
        port: port(80),
        protocol: 'tcp',
        addresses: [address('172.17.0.7')],
        containerPort: port(8080),
      },
    ] as const;
    set.take('docker', { kind: 'snapshot', consumers: [], interfaces: [], published, problems: [] });
    const known = set.published;
    assert.equal(known.behind({ address: address('192.0.2.1'), port: port(80) }, 'tcp').length, 1);
    set.take('docker', { kind: 'changes', changes: [], problems: [] });
    assert.equal(set.published, known);
    set.take('docker', { kind: 'changes', changes: [], published: [], problems: [] });
    assert.deepEqual(set.published.behind({ address: address('192.0.2.1'), port: port(80) }, 'tcp'), []);
  });

  it('counts its revision up with each item and hands problems on', () => {
    const set = new ConsumerSet();
    const problems = [{ place: 'x', message: 'wrong' }];
    assert.deepEqual(set.take('docker', { kind: 'changes', changes: [], problems }), problems);
    assert.equal(set.revision, 1);
  });
});

function snapshot(consumers: readonly Consumer[], interfaces: readonly string[]): ProviderItem {
  return { kind: 'snapshot', consumers, interfaces, problems: [] };
}

function names(set: ConsumerSet): readonly string[] {
  return set.consumers.map((known) => known.name);
}
