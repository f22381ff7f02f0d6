import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from '../e2e/support/until.ts';
import { HTTP_PORT, IPERF_PORT, waitForListener } from './endpoint-service.ts';
import { CONSUMER_INTERFACE, CONSUMER_IP, ENDPOINT_IP, HOST_IP } from './testbed.ts';
import type { CarrierName } from './figures.ts';
import type { RunningProgram } from './running-program.ts';
import type { Testbed } from './testbed.ts';

const CHECKOUT = fileURLToPath(new URL('..', import.meta.url));

/** As many as HAProxy takes with the file limit of a small machine. */
const CONNECTIONS_MAX = 2_000;

/** A daemon is ready in a second; a busy machine takes its time. */
const READY_TIMEOUT_MS = 10_000;

/** The virtual IP of the kernel's data plane, which is led nowhere by a rule of the bench. */
const KERNEL_IP = '10.77.9.6';

/** One way to the endpoint. */
export interface CarrierPlan {
  readonly name: CarrierName;
  /** What the consumer dials. */
  readonly ip: string;
  /** What must be on this machine. */
  readonly needs: readonly string[];
  /** Whether bytes go through it, so that more than its accepting can be measured. */
  readonly relays: boolean;
  /** Undefined: nothing runs in between. */
  readonly proxy: ProxyPlan | undefined;
}

interface ProxyPlan {
  /** Where it listens for each service; for any port where there is one listener for all. */
  readonly listens: ReadonlyMap<number | undefined, number>;
  /** Writes what it reads, and gives its command. */
  command(folder: string): Promise<readonly string[]>;
}

/** A carrier that was started. */
export interface Carrier extends AsyncDisposable {
  readonly plan: CarrierPlan;
  /** The program; undefined where nothing runs in between. */
  readonly program: RunningProgram | undefined;
}

/** All carriers of a run. */
export function carrierPlans(options: { readonly against: string | undefined }): readonly CarrierPlan[] {
  const { against } = options;
  const peers: CarrierPlan[] = [
    { name: 'kernel', ip: KERNEL_IP, needs: ['nft'], relays: true, proxy: kernel(9_996) },
    { name: 'haproxy', ip: '10.77.9.2', needs: ['haproxy'], relays: true, proxy: haproxy(7_102, 7_202) },
    { name: 'nginx', ip: '10.77.9.3', needs: ['nginx'], relays: true, proxy: nginxStream(7_103, 7_203) },
    { name: 'direct', ip: ENDPOINT_IP, needs: [], relays: true, proxy: undefined },
    { name: 'bare', ip: '10.77.9.4', needs: [], relays: false, proxy: bareNode(7_104) },
  ];
  const ours: CarrierPlan[] = [
    { name: 'embassy', ip: '10.77.9.1', needs: [], relays: true, proxy: embassy(CHECKOUT, 9_999) },
  ];
  if (against !== undefined) {
    ours.push({ name: 'other', ip: '10.77.9.5', needs: [], relays: true, proxy: embassy(against, 9_998) });
  }
  return [...ours, ...peers];
}

/** Writes the rules that lead to a carrier; once, also for one that is started again later. */
export async function redirectTo(testbed: Testbed, plan: CarrierPlan): Promise<void> {
  for (const [port, listens] of plan.proxy?.listens ?? []) {
    await testbed.redirect({ virtualIp: plan.ip, port, to: `${HOST_IP}:${listens}` });
  }
}

/** Starts a carrier; resolves when it takes connections. */
export async function startCarrier(
  testbed: Testbed,
  plan: CarrierPlan,
  options: { readonly folder: string; readonly signal: AbortSignal },
): Promise<Carrier> {
  const { folder, signal } = options;
  if (plan.proxy === undefined)
    return { plan, program: undefined, [Symbol.asyncDispose]: async () => undefined };
  if (plan.name === 'kernel') {
    // Traffic is captured where its virtual IP is.
    const words = ['address', 'replace', `${KERNEL_IP}/32`, 'dev', CONSUMER_INTERFACE];
    await testbed.host.run(['ip', ...words], { timeoutMs: READY_TIMEOUT_MS });
  }
  const program = testbed.host.start(await plan.proxy.command(folder));
  try {
    for (const port of plan.proxy.listens.values()) {
      await waitForListener(testbed, { at: `${HOST_IP}:${port}`, side: 'host', signal });
    }
    if (plan.name === 'kernel') await waitForTable(testbed, signal);
    return { plan, program, [Symbol.asyncDispose]: async () => program[Symbol.asyncDispose]() };
  } catch (error) {
    await program[Symbol.asyncDispose]();
    throw error;
  }
}

/** The kernel carries when its table leads somewhere. */
async function waitForTable(testbed: Testbed, signal: AbortSignal): Promise<void> {
  const argv = ['nft', 'list', 'map', 'inet', 'embassy', 'bindings4'];
  const leads = async (): Promise<true | undefined> =>
    (await testbed.host.run(argv, { timeoutMs: READY_TIMEOUT_MS })).split('goto pool-').length > 2 ||
    undefined;
  await until('the table of embassy to lead somewhere', leads, { timeoutMs: READY_TIMEOUT_MS, signal });
}

/** The daemon as it is delivered, with the static provider and an endpoints file. */
function embassy(checkout: string, port: number): ProxyPlan {
  return {
    listens: new Map([[undefined, port]]),
    command: async (folder) => {
      const file = path.join(folder, 'endpoints.yaml');
      const services = { http: [`${ENDPOINT_IP}:${HTTP_PORT}`], iperf: [`${ENDPOINT_IP}:${IPERF_PORT}`] };
      await writeFile(file, JSON.stringify(services));
      return [
        process.execPath,
        path.join(checkout, 'stage/embassy.cjs'),
        '-provider=static',
        `-services=http;${HTTP_PORT},iperf;${IPERF_PORT}`,
        '-consumer=*',
        `-discovery=file:${file}`,
        `-interface=${CONSUMER_INTERFACE}`,
        '-virtual-ip=10.77.9.1',
        '--admin-socket=off',
        '--admin-listen=off',
        `-port=${port}`,
      ];
    },
  };
}

/** The same daemon, whose kernel carries: its table is the only way there. */
function kernel(port: number): ProxyPlan {
  return {
    listens: new Map(),
    command: async (folder) => {
      const file = path.join(folder, 'kernel-endpoints.yaml');
      const services = { http: [`${ENDPOINT_IP}:${HTTP_PORT}`], iperf: [`${ENDPOINT_IP}:${IPERF_PORT}`] };
      await writeFile(file, JSON.stringify(services));
      return [
        process.execPath,
        path.join(CHECKOUT, 'stage/embassy.cjs'),
        '-provider=static',
        `-services=http;${HTTP_PORT},iperf;${IPERF_PORT}`,
        `-consumer=${CONSUMER_IP}`,
        `-discovery=file:${file}`,
        `-interface=${CONSUMER_INTERFACE}`,
        `-virtual-ip=${KERNEL_IP}`,
        '--dnat',
        '--proxier=nftables',
        '--admin-socket=off',
        '--admin-listen=off',
        `-port=${port}`,
      ];
    },
  };
}

/** Two threads, and splice(2) where it finds it useful: its best on two cores. */
function haproxy(http: number, iperf: number): ProxyPlan {
  return {
    listens: new Map([
      [HTTP_PORT, http],
      [IPERF_PORT, iperf],
    ]),
    command: async (folder) => {
      const file = path.join(folder, 'haproxy.cfg');
      const listen = (name: string, from: number, to: number): string =>
        `listen ${name}\n  bind ${HOST_IP}:${from}\n  server endpoint ${ENDPOINT_IP}:${to}\n`;
      const text = `global
  maxconn ${CONNECTIONS_MAX}
  nbthread 2
defaults
  mode tcp
  option splice-auto
  timeout connect 5s
  timeout client 600s
  timeout server 600s
${listen('http', http, HTTP_PORT)}${listen('iperf', iperf, IPERF_PORT)}`;
      await writeFile(file, text);
      return ['haproxy', '-q', '-db', '-f', file];
    },
  };
}

/** Two workers. */
function nginxStream(http: number, iperf: number): ProxyPlan {
  return {
    listens: new Map([
      [HTTP_PORT, http],
      [IPERF_PORT, iperf],
    ]),
    command: async (folder) => {
      const file = path.join(folder, 'stream-nginx.conf');
      const server = (from: number, to: number): string =>
        `  server { listen ${HOST_IP}:${from} backlog=4096; proxy_pass ${ENDPOINT_IP}:${to}; }\n`;
      const text = `load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
pid ${folder}/stream-nginx.pid;
worker_processes 2;
error_log stderr crit;
events { worker_connections ${4 * CONNECTIONS_MAX}; }
stream {
${server(http, HTTP_PORT)}${server(iperf, IPERF_PORT)}}
`;
      await writeFile(file, text);
      return ['nginx', '-e', 'stderr', '-c', file];
    },
  };
}

/** The least that a proxy in Node does for a new connection: accept, dial, close. */
function bareNode(port: number): ProxyPlan {
  return {
    listens: new Map([[HTTP_PORT, port]]),
    command: async () => {
      const program = fileURLToPath(new URL('./programs/bare-node.ts', import.meta.url));
      return [process.execPath, program, HOST_IP, String(port), ENDPOINT_IP, String(HTTP_PORT)];
    },
  };
}
