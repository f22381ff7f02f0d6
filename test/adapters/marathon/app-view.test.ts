import assert from 'node:assert/strict';
import { parseApp } from '../../../src/adapters/marathon/app-document.ts';
import { viewOf } from '../../../src/adapters/marathon/app-view.ts';
import { hostApp, taskAt } from '../../support/marathon-source.ts';
import type { AppDocument, TaskDocument } from '../../../src/adapters/marathon/app-document.ts';

/** `id*` serves, `id-` is explicitly gone; nothing is said of the others. */
function seen(app: AppDocument, alive: readonly string[] = []): string {
  const view = viewOf(app, 80, { source: 'marathon', wasAlive: (id) => alive.includes(id) });
  const words = [...view.endpoints.map(({ id }) => `${id}*`), ...[...view.gone].map((id) => `${id}-`)];
  return words.sort().join(' ') + (view.isComplete ? ' complete' : '');
}

function app(tasks: readonly TaskDocument[], rest: Partial<AppDocument> = {}): AppDocument {
  return hostApp('/a', { instances: 2, tasks: [...tasks], ...rest });
}

const at = (id: string, rest: Partial<TaskDocument> = {}): TaskDocument => taskAt(id, '10.0.0.1:80', rest);
const CHECKED = { healthChecks: [{}] };

describe('viewOf', () => {
  const rows: readonly {
    readonly name: string;
    readonly app: AppDocument;
    readonly alive?: readonly string[];
    readonly is: string;
  }[] = [
    {
      name: 'takes tasks that run, and one whose agent cannot be reached',
      app: app([at('a'), at('b', { state: 'TASK_UNREACHABLE' })]),
      is: 'a* b* complete',
    },
    { name: 'takes a task of a version without states', app: app([at('a', { state: undefined })]), is: 'a*' },
    ...[
      'STAGING',
      'STARTING',
      'KILLING',
      'FINISHED',
      'FAILED',
      'KILLED',
      'ERROR',
      'DROPPED',
      'GONE',
      'GONE_BY_OPERATOR',
      'UNKNOWN',
    ].map((state) => ({
      name: `leaves a task in state ${state} out, explicitly`,
      app: app([at('a', { state: `TASK_${state}` })]),
      is: 'a-',
    })),
    {
      name: 'takes a task that passes its checks and leaves one that fails one of them',
      app: app(
        [
          at('a', { healthCheckResults: [{ alive: true }] }),
          at('b', { healthCheckResults: [{ alive: true }, { alive: false }] }),
        ],
        CHECKED,
      ),
      is: 'a* b- complete',
    },
    {
      name: 'waits for the first result of a task, a null among the results being none',
      app: app(
        [at('a', { healthCheckResults: [{ alive: true }] }), at('b', { healthCheckResults: [null] })],
        CHECKED,
      ),
      is: 'a*',
    },
    {
      name: '[P18] keeps a task that was seen alive while results are missing',
      app: app([at('a'), at('b', { healthCheckResults: [] })], { ...CHECKED, deployments: [{}] }),
      alive: ['a'],
      is: 'a*',
    },
    {
      name: '[P18] takes all when the results of all are missing and nothing is being deployed',
      app: app([at('a'), at('b')], CHECKED),
      is: 'a* b* complete',
    },
    {
      name: 'ignores results where the app has no checks',
      app: app([at('a', { healthCheckResults: [{ alive: false }] })]),
      is: 'a*',
    },
    {
      name: 'knows an app that is scaled to zero to be complete',
      app: app([], { instances: 0 }),
      is: ' complete',
    },
    {
      name: 'takes a list that is shorter than the app is to be for incomplete',
      app: app([at('a')]),
      is: 'a*',
    },
    {
      name: 'takes no list for complete where it is not said how many there are to be',
      app: app([at('a')], { instances: null }),
      is: 'a*',
    },
  ];
  for (const row of rows) {
    it(row.name, () => {
      assert.equal(seen(row.app, row.alive), row.is);
    });
  }

  it('[C1] reads labels as tags: the key, and the key with its value', () => {
    const tagged = app([at('a')], { labels: { blue: '', tier: 'web' } });
    const [endpoint] = viewOf(tagged, 80, { source: 'marathon', wasAlive: () => false }).endpoints;
    assert.deepEqual(endpoint?.tags, ['blue', 'tier', 'tier:web']);
  });

  it('names the task whose address or port is none, and takes the others', () => {
    const wrong = app([at('a', { host: 'not a host' }), at('b', { ports: [70_000] }), at('c')]);
    const { endpoints, problems } = viewOf(wrong, 80, { source: 'marathon', wasAlive: () => false });
    assert.deepEqual(
      endpoints.map(({ id }) => id),
      ['c'],
    );
    assert.deepEqual(
      problems.map(({ place, message }) => `${place}: ${message}`),
      [
        "marathon task a: 'not a host' is neither an address nor a host name",
        "marathon task b: '70000' is not a port from 1 to 65535",
      ],
    );
  });
});

describe('parseApp', () => {
  it('reads documents of every version, with nulls where others have nothing', () => {
    for (const tasks of [
      [{ id: 't', host: 'h', ports: [31_000], startedAt: null, stagedAt: null, version: 'v', appId: '/a' }],
      [{ id: 't', host: 'h', ports: [31_000], slaveId: 's', ipAddresses: [], healthCheckResults: [null] }],
      [{ id: 'a.instance-1._app.1', host: 'h', state: 'TASK_STAGING' }],
      [],
    ]) {
      const read = parseApp({
        app: { id: '/a', instances: 1, container: null, labels: {}, tasks, unknown: { x: 1 } },
      });
      assert.equal(read?.tasks?.length, tasks.length);
    }
  });

  for (const json of [
    null,
    [],
    'x',
    {},
    { app: null },
    { app: { id: 7 } },
    { app: { id: '/a', tasks: {} } },
  ]) {
    it(`refuses ${JSON.stringify(json)}`, () => {
      assert.equal(parseApp(json), undefined);
    });
  }
});
