import assert from 'node:assert/strict';
import { formatDescriptor } from '../../../src/domain/descriptor.ts';
import { formatProblem } from '../../../src/domain/result.ts';
import { RULES } from '../../support/docker-world.ts';
import { wantsOf } from '../../../src/adapters/docker/wants-of.ts';
import type { ContainerDocument } from '../../../src/adapters/docker/container-document.ts';

const OPTIONS = { prefix: 'BACKEND_', rules: RULES };

describe('wantsOf', () => {
  it('[C2] keeps the environment before the labels, each in the order it was written', () => {
    const { wants } = wantsOf(
      container(['BACKEND_Z=/z;1', 'PATH=/bin', 'BACKEND_A=/a;1'], { 'embassy.backend.l': '/l;1' }),
      OPTIONS,
    );
    assert.deepEqual(
      wants.map(({ descriptor, place }) => [formatDescriptor(descriptor), place]),
      [
        ['/z;1', 'variable BACKEND_Z'],
        ['/a;1', 'variable BACKEND_A'],
        ['/l;1', 'label embassy.backend.l'],
      ],
    );
  });

  it('[C1] names container, variable and column of what is wrong', () => {
    const { wants, problems } = wantsOf(container(['BACKEND_DB=/db;99999']), OPTIONS);
    assert.deepEqual(wants, []);
    assert.deepEqual(problems.map(formatProblem), [
      "container web-1 (0f3c5a7be112), variable BACKEND_DB, column 5: '99999' is not a port from 1 to 65535",
    ]);
  });

  it('[P10] reads the good ones beside any bad one', () => {
    const env = ['BACKEND_A', 'BACKEND_B=', 'BACKEND_C=;;;', 'BACKEND_D=/d;80;what=so', 'BACKEND_E=/e;81'];
    const { wants, problems } = wantsOf(container(env), OPTIONS);
    assert.deepEqual(
      wants.map(({ place }) => place),
      ['variable BACKEND_D', 'variable BACKEND_E'],
    );
    const places = new Set(problems.map(({ place }) => place.split(', ')[1]));
    const bad = ['A', 'B', 'C', 'D'].map((letter) => `variable BACKEND_${letter}`);
    assert.deepEqual([...places], bad);
  });

  it('[D10] skips neither a value with line feeds nor what comes behind it', () => {
    const env = ['CERT=-----BEGIN\nBACKEND_FAKE=/fake;1\n-----END', 'BACKEND_A=/a;80\n', 'BACKEND_B=/b;81'];
    const { wants, problems } = wantsOf(container(env), OPTIONS);
    assert.deepEqual(
      wants.map(({ descriptor }) => formatDescriptor(descriptor)),
      ['/a;80', '/b;81'],
    );
    assert.deepEqual(problems, []);
  });

  it('takes a value whole, whatever equals signs it holds', () => {
    const { wants } = wantsOf(container(['BACKEND_A=/a;80;balance=round-robin']), OPTIONS);
    assert.equal(wants[0]?.descriptor.balance, 'round-robin');
  });

  it('reports a bounded number of problems and counts the rest', () => {
    const env = Array.from({ length: 100 }, (_, index) => `BACKEND_${index}=/a;0`);
    const { problems } = wantsOf(container(env), OPTIONS);
    assert.equal(problems.length, 65);
    assert.equal(problems.at(-1)?.message, '36 more problems of this container');
  });
});

function container(env: readonly string[], labels: Readonly<Record<string, string>> = {}): ContainerDocument {
  return {
    id: '0f3c5a7be112aa',
    name: 'web-1',
    running: true,
    startedAt: '2026-01-01T00:00:00Z',
    env,
    image: 'shop:1',
    labels: Object.entries(labels),
    networkMode: 'default',
    attachments: [],
    published: [],
  };
}
