import { readFileSync } from 'node:fs';
import { DaemonView } from './app/admin/daemon-view.ts';
import { Daemon } from './app/daemon.ts';
import { EventLog } from './app/event-log.ts';
import { listenPlan } from './app/listen-plan.ts';
import { createRelay } from './app/relay.ts';
import { connectionBudget } from './app/connection-budget.ts';
import { UserspaceProxier } from './app/userspace-proxier.ts';
import { createLog } from './adapters/log/client.ts';
import { PrometheusMetrics } from './adapters/metrics/client.ts';
import { openFileLimit } from './adapters/node/file-limit.ts';
import { createFastRelay } from './adapters/node/epoll/fast-relay.ts';
import { addressesOfInterface, hostAddresses, isLocalAddress } from './adapters/node/interfaces.ts';
import { NodeClock } from './adapters/node/node-clock.ts';
import { NodeProber } from './adapters/node/node-prober.ts';
import { NodeResolver } from './adapters/node/node-resolver.ts';
import { NodeRandom } from './adapters/node/node-random.ts';
import { SOCKET_TUNING_DEFAULT } from './adapters/node/socket-tuning.ts';
import { createDialer, whyNodeSockets } from './adapters/node/sockets.ts';
import { stopSignals } from './adapters/node/stop-signals.ts';
import { findSupervisor } from './adapters/node/supervisor.ts';
import { program } from './cli/program.ts';
import { formatSocketAddress } from './domain/address.ts';
import {
  chooseVirtualIps,
  createCapture,
  createRedirector,
  tellHiddenPorts,
  tellUncaptured,
} from './wiring/create-capture.ts';
import { createDiscoveries, createMemory, discoveryChoices } from './wiring/create-discoveries.ts';
import { createProvider } from './wiring/create-provider.ts';
import { cleanUp } from './wiring/clean-up.ts';
import { createKernelProxier, KERNEL_REMOVALS } from './wiring/create-kernel-proxier.ts';
import { followFiles } from './wiring/follow-files.ts';
import { followFlowTable } from './wiring/follow-flow-table.ts';
import { openAccessLog } from './wiring/open-access-log.ts';
import { serveAdmin } from './wiring/serve-admin.ts';
import { Succession } from './wiring/succession.ts';
import { failureInWords } from './wiring/failure-in-words.ts';
import { askDaemon } from './wiring/ask-daemon.ts';
import { runCheck } from './wiring/run-check.ts';
import { runDoctor } from './wiring/run-doctor.ts';
import type { AdjustableLog, Log } from './ports/log.ts';
import type { BindingId } from './domain/binding.ts';
import type { HostAddresses } from './app/listen-plan.ts';
import type { Asking } from './cli/asking/resolve-asking.ts';
import type { Invocation } from './cli/program.ts';
import type { DoctorOptions, LogOptions, Options } from './cli/resolve-options.ts';
import type { DiscoveryOptions } from './wiring/create-discoveries.ts';

/** How long `embassy cleanup` may take. */
const CLEANUP_TIMEOUT_MS = 15_000;

/** How often a daemon with nothing to do wakes up. */
const ALIVE_INTERVAL_MS = 3_600_000;

/** What was asked for could not be done. */
const EXIT_FAILED = 1;

const clock = new NodeClock();
const random = new NodeRandom();

/** The addresses of this host. */
const HOST: HostAddresses = {
  addressesOf: addressesOfInterface,
  isLocal: isLocalAddress,
  all: hostAddresses,
};

for (const stream of [process.stdout, process.stderr]) stream.on('error', unlessReaderLeft);
process.exitCode = await execute();

async function execute(): Promise<number> {
  const invocation = invocationNow((text) => process.stderr.write(text));
  switch (invocation.command) {
    case 'done':
      return invocation.exitCode;
    case 'run':
      return withLog(invocation.options, async (log) => run(invocation, log));
    case 'check':
      return withLog(invocation.options, async (log) => check(invocation.options, log));
    case 'doctor':
      return withLog(invocation.options, async (log) => doctor(invocation.options, log));
    case 'cleanup':
      return withLog(invocation.options, cleanup);
    case 'ask':
      return ask(invocation.asking);
  }
}

/** Reads the command line, with the environment and the config file as they are now. */
function invocationNow(err: (text: string) => void): Invocation {
  return program(
    {
      out: (text) => process.stdout.write(text),
      err,
      readFile: (path) => readFileSync(path, 'utf8'),
      environment: process.env,
      version: packageVersion(),
    },
    process.argv.slice(2),
  );
}

/** The same for a daemon that runs: its options, or what is wrong. */
function optionsNow(): Options | readonly string[] {
  const lines: string[] = [];
  const invocation = invocationNow((text) => lines.push(...text.trimEnd().split('\n')));
  return invocation.command === 'run' ? invocation.options : lines;
}

/** Does a command and says in one line why it could not be done, if so. */
async function withLog(
  options: LogOptions,
  command: (log: AdjustableLog) => Promise<number>,
): Promise<number> {
  const log = createLog({
    debug: options.debug,
    format: options.logFormat,
    terminal: process.stderr.isTTY,
    colour: (process.env['NO_COLOR'] ?? '') === '',
    destination: undefined,
  });
  try {
    return await command(log);
  } catch (error) {
    log.error(`embassy stops: ${failureInWords(error)}`);
    return EXIT_FAILED;
  }
}

async function run(
  { options, configText }: Invocation & { readonly command: 'run' },
  written: AdjustableLog,
): Promise<number> {
  const log = new EventLog({ clock, log: written });
  const { stop, abort, stopNow, onHangUp } = stopSignals(log);
  const metrics = new PrometheusMetrics();
  log.info(`embassy ${packageVersion()} starts`, {
    provider: options.provider,
    discovery: options.discoveries.map(({ name }) => name).join(', '),
  });
  await using resources = new AsyncDisposableStack();
  const shape = `${options.capture.kind} ${options.proxier}`;
  const succession = new Succession({ clock, log }, { environment: process.env, pid: process.pid, shape });
  // While nothing is bound, no socket and perhaps no other timer keeps the process.
  const alive = setInterval(() => undefined, ALIVE_INTERVAL_MS);
  resources.defer(() => {
    clearInterval(alive);
  });
  const discoveries = await createDiscoveries({ clock, random }, withSecrets(options), resources);
  await followFlowTable({ clock, log, metrics }, options, resources);
  const memory = await createMemory({ clock, random, log }, options, resources);
  const virtualIps = await chooseVirtualIps({ clock, random, log }, options, stop);
  if (virtualIps === undefined) {
    log.info('embassy stopped before it served anything');
    return 0;
  }
  const listen = listenPlan(HOST, { ...options, virtualIps });
  if (options.capture.kind === 'none') tellUncaptured(options, HOST, log);
  const isCapturing = options.capture.kind === 'dnat' || options.capture.kind === 'redirect';
  const why = whyNodeSockets();
  if (why !== undefined) log.info(`connections go through Node's own sockets, which is slower: ${why}`);
  const captured = isCapturing ? virtualIps : [];
  const dialer = createDialer({ clock, log }, SOCKET_TUNING_DEFAULT, { captured });
  const relay = createFastRelay({ clock, fallback: createRelay({ clock }) });
  const { maxConnections, warning } = connectionBudget(options.maxConnections, openFileLimit());
  if (warning !== undefined) log[2 * maxConnections < options.maxConnections ? 'warn' : 'info'](warning);
  const accessLog = openAccessLog({ log, metrics }, options.accessLog, resources);
  const denies = (id: BindingId): boolean => daemon.denies(id);
  const proxier = resources.use(
    new UserspaceProxier(
      {
        clock,
        log,
        metrics,
        listener: succession.listener,
        isLocal: isLocalAddress,
        dialer,
        relay,
        accessLog,
        denies,
      },
      { ...options, maxConnections, listen },
    ),
  );
  await proxier.open();
  const kernel = await createKernelProxier({ clock, log }, options, virtualIps, {
    interfaces: () => daemon.consumers.interfaces,
    apart: () => daemon.consumers.apart,
    published: () => daemon.consumers.published,
    turn: succession.turn,
  });
  if (kernel !== undefined) metrics.observeKernel(resources.use(kernel));
  if (listen.kind === 'captured') log.info(`listening on ${listen.at.map(formatSocketAddress).join(', ')}`);
  tellHiddenPorts(log, HOST, { ...options, virtualIps });
  const capture = createCapture(
    { clock, random, log, metrics, host: HOST, turn: succession.turn },
    { ...options, virtualIps, listen },
  );
  const daemon: Daemon = new Daemon(
    {
      clock,
      random,
      log,
      metrics,
      providers: [
        await createProvider({ clock, random, log, host: HOST }, options, {
          virtualIps,
          udp: kernel !== undefined,
        }),
      ],
      discoveries,
      resolver: new NodeResolver({ clock }),
      prober: new NodeProber({ clock, dialer }),
      memory,
      proxier: succession.proxier({ kernel, userspace: proxier }, options),
      capture,
    },
    { ...options, defaults: { discoveries: discoveryChoices(options), balance: options.balance } },
  );
  const files = { options, configText, read: optionsNow };
  onHangUp(await followFiles({ clock, log, daemon, proxier }, files, resources));
  const view = new DaemonView({ clock, daemon, proxier, kernel, events: log }, { version: packageVersion() });
  metrics.observe(view);
  const openAdmin = async (): Promise<AsyncDisposable> =>
    serveAdmin({ daemon: view, metrics, log }, options.admin, {
      readsNeedToken: () => view.hasHostConsumers,
    });
  const supervisor = resources.use(findSupervisor({ clock }, process.env));
  resources.use(succession);
  await succession.serve({ daemon, openAdmin, supervisor, stop, stopNow });
  await daemon.run({ stop, abort });
  log.info(`embassy stopped; ${metrics.summary()}`);
  return 0;
}

async function check(options: Options, log: Log): Promise<number> {
  const out = (text: string): boolean => process.stdout.write(text);
  return runCheck({ clock, random, log, host: HOST, out }, withSecrets(options), stopSignals(log).stop);
}

async function doctor(options: DoctorOptions, log: Log): Promise<number> {
  const out = (text: string): boolean => process.stdout.write(text);
  return runDoctor({ clock, random, log, host: HOST, out }, withSecrets(options), stopSignals(log).stop);
}

async function cleanup(log: Log): Promise<number> {
  const redirector = createRedirector(log);
  const removals = [...KERNEL_REMOVALS, redirector.cleanup.bind(redirector)];
  const isDone = await cleanUp(log, removals, { signal: AbortSignal.timeout(CLEANUP_TIMEOUT_MS) });
  return isDone ? 0 : EXIT_FAILED;
}

/** Asks the daemon that runs on this host. */
async function ask(asking: Asking): Promise<number> {
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      stop.abort();
    });
  }
  const { isTTY, columns } = process.stdout;
  const terminal = isTTY ? { columns } : undefined;
  return askDaemon(
    {
      clock,
      out: (text) => process.stdout.write(text),
      err: (text) => process.stderr.write(text),
      formatTime: (atMs) => new Date(atMs).toISOString(),
    },
    asking,
    { terminal, signal: stop.signal },
  );
}

/** Secrets come from files or the environment alone [C7]. */
function withSecrets<T extends Options>(options: T): T & DiscoveryOptions {
  const token = process.env['CONSUL_HTTP_TOKEN'] ?? '';
  return { ...options, consulToken: token === '' ? undefined : token };
}

/** A reader that has seen enough (`embassy check | head`) is no failure. */
function unlessReaderLeft(error: Error): void {
  if (!('code' in error) || error.code !== 'EPIPE') throw error;
}

function packageVersion(): string {
  const document: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  const hasVersion = typeof document === 'object' && document !== null && 'version' in document;
  return hasVersion ? String(document.version) : 'unknown';
}
