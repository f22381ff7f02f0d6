import assert from 'node:assert/strict';
import { parseEvent } from '../../../src/adapters/marathon/app-document.ts';
import type { EventSubject } from '../../../src/adapters/marathon/app-document.ts';

const apps = (...ids: readonly string[]): EventSubject => ({ kind: 'apps', apps: ids });
const ANYTHING: EventSubject = { kind: 'anything' };
const NOTHING: EventSubject = { kind: 'nothing' };

describe('parseEvent', () => {
  const rows: readonly {
    readonly name: string;
    readonly event: Readonly<Record<string, unknown>>;
    readonly about: EventSubject;
    readonly ended?: string;
  }[] = [
    {
      name: 'a task that runs',
      event: { eventType: 'status_update_event', appId: '/a', taskId: 't', taskStatus: 'TASK_RUNNING' },
      about: apps('/a'),
    },
    ...['FINISHED', 'FAILED', 'KILLED', 'ERROR', 'DROPPED', 'GONE', 'GONE_BY_OPERATOR'].map((state) => ({
      name: `a task that is ${state}`,
      event: { eventType: 'status_update_event', appId: '/a', taskId: 't', taskStatus: `TASK_${state}` },
      about: apps('/a'),
      ended: 't',
    })),
    {
      name: 'a task whose agent is lost, which may come back',
      event: { eventType: 'status_update_event', appId: '/a', taskId: 't', taskStatus: 'TASK_UNREACHABLE' },
      about: apps('/a'),
    },
    {
      name: 'an app written without its slash, as before 0.8',
      event: { eventType: 'health_status_changed_event', appId: 'a/b', alive: true },
      about: apps('/a/b'),
    },
    {
      name: 'an instance since 1.4',
      event: {
        eventType: 'instance_changed_event',
        runSpecId: '/a',
        instanceId: 'a.1',
        condition: 'Running',
      },
      about: apps('/a'),
    },
    {
      name: 'an app that is posted',
      event: { eventType: 'api_post_event', uri: '/v2/apps', appDefinition: { id: '/a' } },
      about: apps('/a'),
    },
    {
      name: 'a deployment with its plan',
      event: {
        eventType: 'deployment_success',
        id: 'd',
        plan: {
          steps: [{ actions: [{ action: 'StartApplication', app: '/a' }] }, { actions: [{ app: '/b' }] }],
        },
      },
      about: apps('/a', '/b'),
    },
    {
      name: 'a deployment with the plan of old',
      event: { eventType: 'deployment_info', plan: { steps: [{ action: 'ScaleApplication', app: '/a' }] } },
      about: apps('/a'),
    },
    {
      name: 'the step that a deployment is at, and not the others',
      event: {
        eventType: 'deployment_step_success',
        plan: { steps: [{ actions: [{ app: '/a' }] }, { actions: [{ app: '/b' }] }] },
        currentStep: { actions: [{ app: '/b' }] },
      },
      about: apps('/b'),
    },
    {
      name: 'a group that changed',
      event: { eventType: 'group_change_success', groupId: '/prod', version: 'v' },
      about: { kind: 'group', group: '/prod' },
    },
    { name: 'the root group', event: { eventType: 'group_change_success', groupId: '/' }, about: ANYTHING },
    {
      name: 'a deployment without a plan',
      event: { eventType: 'deployment_success', id: 'd' },
      about: ANYTHING,
    },
    {
      name: 'a deployment with a plan of another shape',
      event: { eventType: 'deployment_info', plan: { steps: 'all' }, currentStep: [] },
      about: ANYTHING,
    },
    {
      name: 'who follows',
      event: { eventType: 'event_stream_attached', remoteAddress: 'x' },
      about: NOTHING,
    },
  ];
  for (const { name, event, about, ended } of rows) {
    it(`reads which apps are concerned by ${name}`, () => {
      assert.deepEqual(parseEvent(JSON.stringify(event)), { about, ended });
    });
  }

  for (const data of ['', 'hello', '[]', 'null', '{}', '{"eventType":7}', '{"eventType":"x","appId":{}}']) {
    it(`takes ${JSON.stringify(data)} for no event`, () => {
      assert.equal(parseEvent(data), undefined);
    });
  }
});
