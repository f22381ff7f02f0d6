import assert from 'node:assert/strict';
import fc from 'fast-check';
import { readEngineEvent } from '../../../src/adapters/docker/engine-event.ts';
import type { EngineEvent } from '../../../src/adapters/docker/engine-event.ts';

interface Row {
  readonly name: string;
  readonly type: string;
  readonly action: string;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly expected: EngineEvent;
}

const ROWS: readonly Row[] = [
  { name: 'a start', type: 'container', action: 'start', expected: { kind: 'container', id: 'x' } },
  { name: 'a die', type: 'container', action: 'die', expected: { kind: 'container', id: 'x' } },
  { name: 'a destroy', type: 'container', action: 'destroy', expected: { kind: 'container', id: 'x' } },
  { name: 'a rename', type: 'container', action: 'rename', expected: { kind: 'container', id: 'x' } },
  { name: 'a pause', type: 'container', action: 'pause', expected: { kind: 'ignored' } },
  { name: 'health', type: 'container', action: 'health_status: healthy', expected: { kind: 'ignored' } },
  { name: 'a command inside', type: 'container', action: 'exec_create: sh', expected: { kind: 'ignored' } },
  { name: 'an image', type: 'image', action: 'pull', expected: { kind: 'ignored' } },
  {
    name: 'a connect, by the container it names',
    type: 'network',
    action: 'connect',
    attributes: { container: 'c', name: 'n' },
    expected: { kind: 'container', id: 'c' },
  },
  {
    name: 'a disconnect, by the container it names',
    type: 'network',
    action: 'disconnect',
    attributes: { container: 'c' },
    expected: { kind: 'container', id: 'c' },
  },
  { name: 'a disconnect of nobody', type: 'network', action: 'disconnect', expected: { kind: 'unreadable' } },
  { name: 'a new network', type: 'network', action: 'create', expected: { kind: 'networks' } },
  { name: 'a network that goes', type: 'network', action: 'destroy', expected: { kind: 'networks' } },
];

describe('readEngineEvent', () => {
  for (const { name, type, action, attributes, expected } of ROWS) {
    it(`reads ${name}`, () => {
      const event = { Type: type, Action: action, Actor: { ID: 'x', Attributes: attributes ?? {} }, time: 1 };
      assert.deepEqual(readEngineEvent(event), expected);
    });
  }

  it('calls everything else unreadable, and never throws', () => {
    assert.deepEqual(readEngineEvent({ status: 'start', id: 'x' }), { kind: 'unreadable' });
    fc.assert(
      fc.property(fc.anything(), (value) => {
        readEngineEvent(value);
      }),
    );
  });
});
