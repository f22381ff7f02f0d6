import { familyOf, isLoopback } from '../domain/address.ts';
import { OptionReader } from './option-reader.ts';
import { OPTIONS } from './options.ts';
import { resolveDiscoveries } from './resolve-discoveries.ts';
import type { IpAddress, Port } from '../domain/address.ts';
import type { Balance } from '../domain/balance.ts';
import type { AnyAddress } from '../domain/consumer.ts';
import type { Result } from '../domain/result.ts';
import type { DockerHost } from './docker-host.ts';
import type { AdminListen, ListenAddress } from './option-value.ts';
import type { OptionRow } from './option-row.ts';
import type { OptionSources, Placed } from './option-reader.ts';
import type { AvailableDiscovery } from './resolve-discoveries.ts';

/** From this level of `-v` on the log has details, as the original's had. */
const DEBUG_LEVEL = 3;

/** How traffic for the virtual IP gets to us [C4]. */
export type CaptureChoice =
  { readonly kind: 'none' | 'dnat' | 'redirect' } | ({ readonly kind: 'listen' } & ListenAddress);

/** How endpoints are treated that don't do well, and new ones. */
export interface ResilienceChoice {
  readonly ejection: { readonly failures: number; readonly baseMs: number; readonly capMs: number };
  /** A part from 0 to 1. */
  readonly panicThreshold: number;
  readonly slowStartMs: number;
}

/** How the log is written. */
export interface LogOptions {
  readonly debug: boolean;
  readonly logFormat: 'auto' | 'pretty' | 'json';
}

/** What the operator chose, complete and right. */
export interface Options extends LogOptions {
  readonly provider: 'docker' | 'static';
  readonly prefix: string;
  readonly docker: DockerHost;
  /** Descriptors of the static provider, separated by commas, and where they were written. */
  readonly services: { readonly text: string; readonly place: string };
  /** Whom static services serve; empty leaves it to the address of `interface`. */
  readonly consumers: readonly (IpAddress | AnyAddress)[];
  /** In order; at least one, each with a name of its own. */
  readonly discoveries: readonly AvailableDiscovery[];
  readonly capture: CaptureChoice;
  /** At most one of each family; empty leaves it to Docker's default bridge [C3]. */
  readonly virtualIps: readonly IpAddress[];
  /** What becomes of ports that nobody bound [C3]. */
  readonly unbound: 'refuse' | 'pass';
  readonly interface: string;
  readonly port: Port;
  readonly balance: Balance;
  readonly proxier: 'userspace' | 'nftables' | 'auto';
  /** Whether the kernel's table stays at stop. */
  readonly keepRules: boolean;
  /** Whether bytes that the kernel carries are counted. */
  readonly kernelBytes: boolean;
  /** Bits of the packet mark that are nobody else's; not 0. */
  readonly packetMark: number;
  readonly maxConnections: number;
  readonly maxBindings: number;
  /** Whether endpoints with a warning are left out, as failing ones always are. */
  readonly filter: boolean;
  readonly discoverySockets: number;
  /** Where masters of Marathon that have no stream post their events. */
  readonly marathonPort: Port;
  readonly resyncMs: number;
  readonly lossHoldMs: number;
  readonly unknownWaitMs: number;
  readonly maxConnectionsPerBinding: number;
  readonly halfCloseTimeoutMs: number;
  readonly endpointDrainMs: number;
  readonly resilience: ResilienceChoice;
  readonly drainMs: number;
  readonly upgradeDrainMs: number;
  /** The most flows the kernel shall track; undefined leaves it. */
  readonly conntrackMax: number | undefined;
  /** How long it shall track an established flow without a packet; undefined leaves it. */
  readonly conntrackTimeoutMs: number | undefined;
  /** Where the known endpoints are kept; undefined for nowhere. */
  readonly stateDir: string | undefined;
  /** The config file; undefined where there is none. */
  readonly config: string | undefined;
  /** The file that says which containers may use which services; undefined: all may use all. */
  readonly accessPolicy: string | undefined;
  /** Where ended connections are told, `-` being standard output; undefined for nowhere. */
  readonly accessLog: string | undefined;
  readonly failFast: boolean;
  readonly admin: AdminChoice;
}

/** What the operator chose for an examination of the host. */
export interface DoctorOptions extends Options {
  /** Whether the findings are shown as JSON. */
  readonly json: boolean;
}

/** Where the admin API is served. */
export interface AdminChoice {
  readonly socket: { readonly path: string; readonly given: boolean } | undefined;
  readonly listen: (AdminListen & { readonly given: boolean }) | undefined;
  readonly tokenFile: string | undefined;
}

/**
 * Decides on every option [C8]: flag over environment over config file over default.
 *
 * @returns The options, or everything that is wrong with them, each with its source.
 *
 * Pure.
 */
export function resolveOptions(sources: OptionSources): Result<Options> {
  const reader = new OptionReader(sources);
  refuse(reader, OPTIONS.json);
  return decide(reader);
}

/** Decides on every option, and on what `embassy doctor` takes besides. Pure. */
export function resolveDoctorOptions(sources: OptionSources): Result<DoctorOptions> {
  const reader = new OptionReader(sources);
  const json = reader.optional(OPTIONS.json)?.value ?? false;
  const options = decide(reader);
  return options.ok ? { ok: true, value: { ...options.value, json } } : options;
}

function decide(reader: OptionReader): Result<Options> {
  const discoveries = resolveDiscoveries(reader);
  const capture = chooseCapture(reader);
  const rest = readRest(reader);
  const admin = chooseAdmin(reader, capture);
  if (rest.proxier === 'nftables' && capture.kind !== 'dnat') {
    const message = 'nftables needs --dnat; the other capture modes are carried in userspace';
    reader.report({ place: 'option --proxier', message });
  }
  for (const option of [OPTIONS.watch, OPTIONS.timeout]) refuse(reader, option);
  if (reader.problems.length > 0) return { ok: false, problems: reader.problems };
  return { ok: true, value: { ...rest, discoveries, capture, admin } };
}

/**
 * Decides on what `embassy cleanup` needs. The whole command line of `run` is accepted, also where this
 * version could not run it, so that cleaning up is that line with another word.
 *
 * Pure.
 */
export function resolveLogOptions(sources: OptionSources): Result<LogOptions> {
  const reader = new OptionReader(sources);
  for (const option of [OPTIONS.discovery, OPTIONS.etcdCacert, OPTIONS.etcdCert, OPTIONS.etcdKeycert]) {
    reader.all<unknown>(option);
  }
  for (const option of [OPTIONS.dnat, OPTIONS.redirect, OPTIONS.listen]) reader.all<unknown>(option);
  const { debug, logFormat } = readRest(reader);
  if (reader.problems.length > 0) return { ok: false, problems: reader.problems };
  return { ok: true, value: { debug, logFormat } };
}

/**
 * Tells which config file was asked for, before anything else is read.
 *
 * @returns Its path and where it was asked for, or undefined when there is none.
 *
 * Pure.
 */
export function configPath(sources: Omit<OptionSources, 'config'>): Placed<string> | undefined {
  return new OptionReader({ ...sources, config: undefined }).optional(OPTIONS.config);
}

function readRest(reader: OptionReader): Omit<Options, 'discoveries' | 'capture' | 'admin'> {
  const services = reader.optional(OPTIONS.services);
  const options = {
    provider: reader.one(OPTIONS.provider),
    prefix: reader.one(OPTIONS.prefix),
    docker: reader.one(OPTIONS.docker),
    services: { text: services?.value ?? '', place: services?.place ?? 'option --services' },
    consumers: reader.all(OPTIONS.consumer).map(({ value }) => value),
    maxBindings: reader.one(OPTIONS.maxBindings),
    filter: reader.one(OPTIONS.filter),
    discoverySockets: reader.one(OPTIONS.discoverySockets),
    marathonPort: reader.one(OPTIONS.marathonPort),
    resyncMs: reader.one(OPTIONS.resync),
    lossHoldMs: reader.one(OPTIONS.lossHold),
    virtualIps: chooseVirtualIps(reader),
    unbound: reader.one(OPTIONS.unbound),
    interface: reader.one(OPTIONS.interface),
    port: reader.one(OPTIONS.port),
    balance: reader.one(OPTIONS.balance),
    proxier: reader.one(OPTIONS.proxier),
    keepRules: reader.optional(OPTIONS.keepRules)?.value ?? false,
    kernelBytes: reader.optional(OPTIONS.kernelBytes)?.value ?? false,
    packetMark: reader.one(OPTIONS.packetMark),
    unknownWaitMs: reader.one(OPTIONS.unknownWait),
    maxConnections: reader.one(OPTIONS.maxConnections),
    halfCloseTimeoutMs: reader.one(OPTIONS.halfCloseTimeout),
    maxConnectionsPerBinding: reader.one(OPTIONS.maxConnectionsPerBinding),
    drainMs: reader.one(OPTIONS.drain),
    upgradeDrainMs: reader.one(OPTIONS.upgradeDrain),
    endpointDrainMs: reader.one(OPTIONS.endpointDrain),
    resilience: readResilience(reader),
    conntrackMax: reader.optional(OPTIONS.conntrackMax)?.value,
    conntrackTimeoutMs: reader.optional(OPTIONS.conntrackTimeout)?.value,
    stateDir: reader.optional(OPTIONS.stateDir)?.value,
    accessPolicy: reader.optional(OPTIONS.accessPolicy)?.value,
    config: reader.optional(OPTIONS.config)?.value,
    failFast: reader.optional(OPTIONS.failFast)?.value ?? false,
    debug: reader.one(OPTIONS.v) >= DEBUG_LEVEL,
    logFormat: reader.one(OPTIONS.logFormat),
    accessLog: reader.optional(OPTIONS.accessLog)?.value,
  };
  reader.all(OPTIONS.logtostderr);
  return options;
}

function readResilience(reader: OptionReader): ResilienceChoice {
  const baseMs = reader.one(OPTIONS.ejectTime);
  return {
    ejection: {
      failures: reader.one(OPTIONS.ejectAfter),
      baseMs,
      capMs: Math.max(baseMs, reader.one(OPTIONS.ejectTimeMax)),
    },
    panicThreshold: reader.one(OPTIONS.panicThreshold) / 100,
    slowStartMs: reader.one(OPTIONS.slowStart),
  };
}

/** At most one of each family [C3]. */
function chooseVirtualIps(reader: OptionReader): readonly IpAddress[] {
  const given = reader.all(OPTIONS.virtualIp);
  const addresses = [...new Set(given.map(({ value }) => value))];
  for (const family of [4, 6] as const) {
    const rivals = addresses.filter((address) => familyOf(address) === family);
    if (rivals.length < 2) continue;
    const message = `${rivals.join(' and ')} are both IPv${family}; one of each family can be given`;
    reader.report({ place: given[0]?.place ?? '', message });
  }
  return addresses;
}

/** Over TCP on loopback unless told otherwise; elsewhere only with a token, and never with --redirect. */
function chooseAdmin(reader: OptionReader, capture: CaptureChoice): AdminChoice {
  const socket = reader.all(OPTIONS.adminSocket)[0];
  const listen = reader.all(OPTIONS.adminListen)[0];
  const tokenFile = reader.optional(OPTIONS.adminTokenFile)?.value;
  if (listen?.value !== undefined && listen.given && capture.kind === 'redirect') {
    const message = 'with --redirect whoever shares the namespace could ask; use --admin-socket';
    reader.report({ place: listen.place, message });
  }
  if (listen?.value !== undefined && tokenFile === undefined && !isLoopback(listen.value.address)) {
    const message = `others can reach ${listen.value.address}; give --admin-token-file, or use 127.0.0.1`;
    reader.report({ place: listen.place, message });
  }
  const isOff = listen?.value === undefined || capture.kind === 'redirect';
  return {
    socket: socket?.value === undefined ? undefined : { path: socket.value, given: socket.given },
    listen: isOff ? undefined : { ...listen.value, given: listen.given },
    tokenFile,
  };
}

/** An option of another command. */
function refuse(reader: OptionReader, option: OptionRow<unknown>): void {
  const [placed] = reader.all(option);
  // A variable may be there for other commands.
  if (placed?.place.startsWith('option') !== true || !placed.given) return;
  reader.report({ place: placed.place, message: 'not an option of run' });
}

/** Exactly one capture mode or none [C4]. */
function chooseCapture(reader: OptionReader): CaptureChoice {
  const dnat = reader.optional(OPTIONS.dnat);
  const redirect = reader.optional(OPTIONS.redirect);
  const listen = reader.optional(OPTIONS.listen);
  const chosen = [dnat, redirect, listen].filter((mode) => mode?.value !== undefined && mode.value !== false);
  const places = chosen.map((mode) => mode?.place ?? '');
  if (places.length > 1) {
    const message = 'only one capture mode can be chosen; keep one of them';
    reader.report({ place: places.join(', '), message });
  }
  if (dnat?.value === true) return { kind: 'dnat' };
  if (redirect?.value === true) return { kind: 'redirect' };
  return listen?.value === undefined ? { kind: 'none' } : { kind: 'listen', ...listen.value };
}
