import assert from 'node:assert/strict';
import { hasPort, taskAddress } from '../../../src/adapters/marathon/task-address.ts';
import type { AppDocument, TaskDocument } from '../../../src/adapters/marathon/app-document.ts';

const ID = '/product/web/frontend';
const HOST_TASK: TaskDocument = { id: 't', host: 'agent-1', ports: [31_001, 31_002, 31_003] };
const OWN_TASK: TaskDocument = {
  ...HOST_TASK,
  ports: [31_001],
  ipAddresses: [{ ipAddress: '10.9.0.7', protocol: 'IPv4' }],
};

/** Mappings of three ports; only the first and the last take a host port. */
const SPARSE = [
  { containerPort: 80, hostPort: 0, protocol: 'tcp' },
  { containerPort: 81, protocol: 'tcp' },
  { containerPort: 0, hostPort: 0, protocol: 'tcp' },
];

const TWO = [
  { containerPort: 8_080, hostPort: 0, servicePort: 10_000, protocol: 'tcp' },
  { containerPort: 80, hostPort: 0, servicePort: 10_001, protocol: 'tcp' },
];

describe('taskAddress [P19]', () => {
  const rows: readonly {
    readonly name: string;
    readonly app: Partial<AppDocument>;
    readonly task?: Partial<TaskDocument>;
    readonly port: number;
    readonly is: string | undefined;
  }[] = [
    {
      name: '0.8, host: the i-th host port belongs to the i-th of ports',
      app: { ports: [9_000, 80] },
      port: 80,
      is: 'agent-1:31002',
    },
    {
      name: '0.8, docker bridge: the i-th host port belongs to the i-th mapping, by its container port [D07]',
      app: { ports: [10_000, 10_001], container: { docker: { network: 'BRIDGE', portMappings: TWO } } },
      port: 80,
      is: 'agent-1:31002',
    },
    {
      name: '0.8, docker bridge: a service port is no container port [D07]',
      app: { ports: [10_000, 10_001], container: { docker: { network: 'BRIDGE', portMappings: TWO } } },
      port: 10_001,
      is: undefined,
    },
    {
      name: '0.11, docker host: as without a container',
      app: { ports: [80], container: { docker: { network: 'HOST' } } },
      port: 80,
      is: 'agent-1:31001',
    },
    {
      name: '0.14, IP per task: the discovery ports of the task itself',
      app: { ipAddress: { discovery: { ports: [{ number: 80, protocol: 'tcp' }] } } },
      task: OWN_TASK,
      port: 80,
      is: '10.9.0.7:80',
    },
    {
      name: '1.0, host: port definitions',
      app: {
        portDefinitions: [
          { port: 10_000, protocol: 'tcp' },
          { port: 80, protocol: 'tcp' },
        ],
      },
      port: 80,
      is: 'agent-1:31002',
    },
    {
      name: '1.0, docker USER: the container port at the address of the task',
      app: { container: { docker: { network: 'USER', portMappings: SPARSE } } },
      task: OWN_TASK,
      port: 81,
      is: '10.9.0.7:81',
    },
    {
      name: '1.5, host: networks say so',
      app: { networks: [{ mode: 'host' }], portDefinitions: [{ port: 80, protocol: 'tcp' }] },
      port: 80,
      is: 'agent-1:31001',
    },
    {
      name: '1.5, container/bridge: mappings stand beside docker',
      app: { networks: [{ mode: 'container/bridge' }], container: { portMappings: TWO } },
      port: 8_080,
      is: 'agent-1:31001',
    },
    {
      name: '1.5, container: the address of the task',
      app: { networks: [{ mode: 'container' }], container: { portMappings: SPARSE } },
      task: OWN_TASK,
      port: 80,
      is: '10.9.0.7:80',
    },
    {
      name: '1.5, container: a container port of 0 is the host port, counting mappings that have one',
      app: { networks: [{ mode: 'container' }], container: { portMappings: SPARSE } },
      task: { ...OWN_TASK, ports: [31_001, 31_002] },
      port: 31_002,
      is: '10.9.0.7:31002',
    },
    {
      name: 'a mapping of both protocols has a TCP port',
      app: {
        networks: [{ mode: 'container/bridge' }],
        container: { portMappings: [{ containerPort: 53, hostPort: 0, protocol: 'udp,tcp' }] },
      },
      port: 53,
      is: 'agent-1:31001',
    },
    {
      name: 'a mapping of UDP has none',
      app: {
        networks: [{ mode: 'container/bridge' }],
        container: { portMappings: [{ containerPort: 53, hostPort: 0, protocol: 'udp' }] },
      },
      port: 53,
      is: undefined,
    },
    {
      name: 'a container that is null is none [D07]',
      app: { container: null, ports: [80] },
      port: 80,
      is: 'agent-1:31001',
    },
    { name: 'an app without ports has none', app: {}, port: 80, is: undefined },
    {
      name: 'a task that was not launched yet has no port',
      app: { ports: [80] },
      task: { id: 't', ports: null },
      port: 80,
      is: undefined,
    },
    {
      name: 'a task without an address of its own has none',
      app: { networks: [{ mode: 'container' }], container: { portMappings: SPARSE } },
      task: { ...OWN_TASK, ipAddresses: [] },
      port: 80,
      is: undefined,
    },
  ];
  for (const { name, app, task = {}, port, is } of rows) {
    it(name, () => {
      const found = taskAddress({ id: ID, ...app }, { ...HOST_TASK, ...task }, port);
      assert.equal(found && `${found.host}:${found.port}`, is);
      if (is !== undefined) assert(hasPort({ id: ID, ...app }, port));
    });
  }
});
