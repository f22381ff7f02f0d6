import { readFileSync } from 'node:fs';
import { Daemon, SourceUnreachable } from './app/daemon.ts';
import { CaptureKeeper } from './app/capture-keeper.ts';
import { VirtualIpUnknown, findVirtualIps } from './app/find-virtual-ips.ts';
import { HostAddressError, addressesOrThrow, listenPlan } from './app/listen-plan.ts';
import { createRelay } from './app/relay.ts';
import { survey } from './app/survey.ts';
import { UserspaceProxier } from './app/userspace-proxier.ts';
import { createDockerClient } from './adapters/docker/client.ts';
import { defaultBridgeName } from './adapters/docker/network-document.ts';
import { createDockerProvider } from './adapters/docker/docker-provider.ts';
import { createEtcdClient } from './adapters/etcd/client.ts';
import { EtcdError } from './adapters/etcd/etcd-client.ts';
import { EtcdDiscovery } from './adapters/etcd/etcd-discovery.ts';
import { createFileClient } from './adapters/file/client.ts';
import { FileDiscovery } from './adapters/file/file-discovery.ts';
import { iptablesClient } from './adapters/iptables/client.ts';
import { IptablesRedirector } from './adapters/iptables/iptables-redirector.ts';
import { createLog } from './adapters/log/client.ts';
import { Counters } from './adapters/metrics/counters.ts';
import { createFastRelay } from './adapters/node/fast-relay.ts';
import { addressesOfInterface, isLocalAddress } from './adapters/node/interfaces.ts';
import { NodeClock } from './adapters/node/node-clock.ts';
import { NodeDialer } from './adapters/node/node-dialer.ts';
import { NodeListener } from './adapters/node/node-listener.ts';
import { NodeRandom } from './adapters/node/node-random.ts';
import { SOCKET_TUNING_DEFAULT } from './adapters/node/socket-options.ts';
import { createStaticProvider } from './adapters/static/static-provider.ts';
import { formatDockerHost } from './cli/docker-host.ts';
import { formatCheck } from './cli/format-check.ts';
import { program } from './cli/program.ts';
import { formatSocketAddress } from './domain/address.ts';
import { ListenError } from './ports/listener.ts';
import { RedirectorError } from './ports/redirector.ts';
import type { IpAddress } from './domain/address.ts';
import type { Discovery } from './ports/discovery.ts';
import type { Log } from './ports/log.ts';
import type { Provider } from './ports/provider.ts';
import type { HostAddresses } from './app/listen-plan.ts';
import type { LogOptions, Options } from './cli/resolve-options.ts';

/** How long `embassy check` waits for each provider and service. */
const SURVEY_TIMEOUT_MS = 5_000;

/** How long `embassy cleanup` may take. */
const CLEANUP_TIMEOUT_MS = 15_000;

/** How often a daemon with nothing to do wakes up. */
const ALIVE_INTERVAL_MS = 3_600_000;

/** What was asked for could not be done. */
const EXIT_FAILED = 1;

const clock = new NodeClock();
const random = new NodeRandom();

/** The addresses of this host. */
const HOST: HostAddresses = { addressesOf: addressesOfInterface, isLocal: isLocalAddress };

for (const stream of [process.stdout, process.stderr]) stream.on('error', unlessReaderLeft);
process.exitCode = await execute();

async function execute(): Promise<number> {
  const invocation = program(
    {
      out: (text) => process.stdout.write(text),
      err: (text) => process.stderr.write(text),
      readFile: (path) => readFileSync(path, 'utf8'),
      environment: process.env,
      version: packageVersion(),
    },
    process.argv.slice(2),
  );
  switch (invocation.command) {
    case 'done':
      return invocation.exitCode;
    case 'run':
      return withLog(invocation.options, async (log) => run(invocation.options, log));
    case 'check':
      return withLog(invocation.options, async (log) => check(invocation.options, log));
    case 'cleanup':
      return withLog(invocation.options, cleanup);
  }
}

/** Does a command and says in one line why it could not be done, if so. */
async function withLog(options: LogOptions, command: (log: Log) => Promise<number>): Promise<number> {
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
    log.error(`embassy stops: ${inWords(error)}`);
    return EXIT_FAILED;
  }
}

async function run(options: Options, log: Log): Promise<number> {
  const { stop, abort } = stopSignals(log);
  const metrics = new Counters();
  log.info(`embassy ${packageVersion()} starts`, {
    provider: options.provider,
    discovery: options.discovery.name,
  });
  await using resources = new AsyncDisposableStack();
  // While nothing is bound, no socket and perhaps no other timer keeps the process.
  const alive = setInterval(() => undefined, ALIVE_INTERVAL_MS);
  resources.defer(() => {
    clearInterval(alive);
  });
  const discovery = resources.use(await createDiscovery(options));
  const virtualIps = await chooseVirtualIps(options, log, stop);
  if (virtualIps === undefined) {
    log.info('embassy stopped before it served anything');
    return 0;
  }
  const listen = listenPlan(HOST, { ...options, virtualIps });
  if (options.capture.kind === 'none') {
    log.info(
      `no capture mode is chosen: lead TCP to port ${options.port} by rules of your own, ` +
        'or start with --dnat or --listen',
    );
  }
  const listener = new NodeListener({ log }, SOCKET_TUNING_DEFAULT);
  const dialer = new NodeDialer({ clock }, SOCKET_TUNING_DEFAULT);
  const relay = createFastRelay({ clock, fallback: createRelay({ clock }) });
  const proxier = resources.use(
    new UserspaceProxier({ clock, log, metrics, listener, dialer, relay }, { ...options, listen }),
  );
  await proxier.open();
  if (listen.kind === 'captured') log.info(`listening on ${listen.at.map(formatSocketAddress).join(', ')}`);
  const redirector = new IptablesRedirector({ client: iptablesClient(), log });
  const capture =
    options.capture.kind === 'dnat' && listen.kind === 'captured'
      ? new CaptureKeeper({ clock, random, log, metrics, redirector }, { virtualIps, listeners: listen.at })
      : undefined;
  const daemon = new Daemon(
    {
      clock,
      random,
      log,
      metrics,
      providers: [createProvider(options, log)],
      discoveries: new Map([[discovery.name, discovery]]),
      proxier,
      capture,
    },
    { ...options, defaults: { discovery: discovery.name, balance: options.balance } },
  );
  await daemon.run({ stop, abort });
  log.info(`embassy stopped; ${metrics.summary()}`);
  return 0;
}

async function check(options: Options, log: Log): Promise<number> {
  const { stop } = stopSignals(log);
  await using discovery = await createDiscovery(options);
  const found = await survey(
    {
      clock,
      providers: [createProvider(options, log)],
      discoveries: new Map([[discovery.name, discovery]]),
    },
    {
      defaults: { discovery: discovery.name, balance: options.balance },
      maxBindings: options.maxBindings,
      timeoutMs: SURVEY_TIMEOUT_MS,
      signal: stop,
    },
  );
  process.stdout.write(formatCheck(found));
  const wrong = found.problems.length > 0 || found.bindings.some(({ service }) => service.kind !== 'known');
  return wrong ? EXIT_FAILED : 0;
}

async function cleanup(log: Log): Promise<number> {
  const redirector = new IptablesRedirector({ client: iptablesClient(), log });
  const removed = await redirector.cleanup({ signal: AbortSignal.timeout(CLEANUP_TIMEOUT_MS) });
  log.info(removed ? 'the rules of embassy are removed' : 'there are no rules of embassy; nothing to remove');
  return 0;
}

/** The first signal stops in order, the second at once [C9]. */
function stopSignals(log: Log): { readonly stop: AbortSignal; readonly abort: AbortSignal } {
  const stop = new AbortController();
  const abort = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (stop.signal.aborted) {
        log.warn(`${name} again: ending at once`);
        abort.abort();
      } else {
        log.info(`${name}: stopping`);
        stop.abort();
      }
    });
  }
  return { stop: stop.signal, abort: abort.signal };
}

async function createDiscovery(options: Options): Promise<Discovery> {
  const { discovery, resyncMs } = options;
  switch (discovery.scheme) {
    case 'etcd': {
      const { user, passwordFile } = discovery;
      const client = await createEtcdClient({
        hosts: discovery.hosts.map(({ host, port }) =>
          host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
        ),
        tls: discovery.tls,
        credentials: user === undefined || passwordFile === undefined ? undefined : { user, passwordFile },
      });
      return new EtcdDiscovery({ client, clock, random }, { name: discovery.name, resyncMs });
    }
    case 'file': {
      const client = createFileClient(discovery.path);
      return new FileDiscovery({ client, clock }, { name: discovery.name });
    }
  }
}

function createProvider(options: Options, log: Log): Provider {
  const rules = { wildcardService: options.discovery.scheme === 'etcd', udp: false };
  switch (options.provider) {
    case 'docker': {
      const client = createDockerClient({ engine: formatDockerHost(options.docker) });
      return createDockerProvider({ client, clock, random, log }, { prefix: options.prefix, rules });
    }
    case 'static': {
      const { text, place } = options.services;
      if (text === '') log.warn('there is nothing to bind; name what is wanted: -services=NAME;PORT,…');
      const addresses =
        options.consumers.length > 0 ? options.consumers : addressesOrThrow(HOST, options.interface);
      return createStaticProvider({ services: text, place, addresses, rules });
    }
  }
}

/**
 * The addresses consumers dial, needed where rules are written for them; undefined when told to stop
 * meanwhile.
 */
async function chooseVirtualIps(
  options: Options,
  log: Log,
  stop: AbortSignal,
): Promise<readonly IpAddress[] | undefined> {
  if (options.capture.kind !== 'dnat' || options.virtualIps.length > 0) return options.virtualIps;
  const client = createDockerClient({ engine: formatDockerHost(options.docker) });
  try {
    return await findVirtualIps(
      {
        clock,
        random,
        log,
        bridgeName: async (wait) => (await defaultBridgeName({ client, clock }, wait)) ?? 'docker0',
        addressesOf: addressesOfInterface,
      },
      { wait: !options.failFast, signal: stop },
    );
  } catch (error) {
    if (stop.aborted) return undefined;
    throw error;
  }
}

/** A reader that has seen enough (`embassy check | head`) is no failure. */
function unlessReaderLeft(error: Error): void {
  if (!('code' in error) || error.code !== 'EPIPE') throw error;
}

function inWords(error: unknown): string {
  if (error instanceof RedirectorError) return error.inWords;
  if (error instanceof ListenError && error.code === 'in-use') {
    return `${error.message}; end what has it (is embassy running already?), or choose another with -port`;
  }
  if (error instanceof SourceUnreachable) return `${error.message} (--fail-fast)`;
  const known =
    error instanceof ListenError ||
    error instanceof VirtualIpUnknown ||
    error instanceof HostAddressError ||
    error instanceof EtcdError;
  if (known) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function packageVersion(): string {
  const document: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  const hasVersion = typeof document === 'object' && document !== null && 'version' in document;
  return hasVersion ? String(document.version) : 'unknown';
}
