import { familyOf } from '../domain/address.ts';
import { formatDiscoveryUrl } from './discovery-url.ts';
import { OptionReader } from './option-reader.ts';
import { OPTIONS } from './options.ts';
import type { IpAddress, Port } from '../domain/address.ts';
import type { Balance } from '../domain/balance.ts';
import type { AnyAddress } from '../domain/consumer.ts';
import type { Result } from '../domain/result.ts';
import type { DiscoveryUrl, FileDiscovery, ServerDiscovery, TlsFiles } from './discovery-url.ts';
import type { DockerHost } from './docker-host.ts';
import type { ListenAddress } from './option-value.ts';
import type { OptionSources, Placed } from './option-reader.ts';

/** From this level of `-v` on the log tells everything, as the original's did. */
const DEBUG_LEVEL = 3;

/** How traffic for the virtual IP gets to us [C4]. */
export type CaptureChoice =
  { readonly kind: 'none' } | { readonly kind: 'dnat' } | ({ readonly kind: 'listen' } & ListenAddress);

/** A discovery that asks etcd over its v3 API. */
export interface EtcdDiscovery extends ServerDiscovery {
  readonly scheme: 'etcd';
}

/** What this version can ask. */
export type AvailableDiscovery = EtcdDiscovery | FileDiscovery;

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
  readonly discovery: AvailableDiscovery;
  readonly capture: CaptureChoice;
  /** At most one of each family; empty leaves it to Docker's default bridge [C3]. */
  readonly virtualIps: readonly IpAddress[];
  readonly interface: string;
  readonly port: Port;
  readonly balance: Balance;
  readonly maxConnections: number;
  readonly maxBindings: number;
  readonly resyncMs: number;
  readonly lossHoldMs: number;
  readonly unknownWaitMs: number;
  readonly halfCloseTimeoutMs: number;
  readonly drainMs: number;
  readonly failFast: boolean;
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
  const discovery = chooseDiscovery(reader);
  const capture = chooseCapture(reader);
  const rest = readRest(reader);
  if (reader.problems.length > 0 || discovery === undefined) return { ok: false, problems: reader.problems };
  return { ok: true, value: { ...rest, discovery, capture } };
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

function readRest(reader: OptionReader): Omit<Options, 'discovery' | 'capture'> {
  const services = reader.optional(OPTIONS.services);
  const options = {
    provider: reader.one(OPTIONS.provider),
    prefix: reader.one(OPTIONS.prefix),
    docker: reader.one(OPTIONS.docker),
    services: { text: services?.value ?? '', place: services?.place ?? 'option --services' },
    consumers: reader.all(OPTIONS.consumer).map(({ value }) => value),
    maxBindings: reader.one(OPTIONS.maxBindings),
    resyncMs: reader.one(OPTIONS.resync),
    lossHoldMs: reader.one(OPTIONS.lossHold),
    virtualIps: chooseVirtualIps(reader),
    interface: reader.one(OPTIONS.interface),
    port: reader.one(OPTIONS.port),
    balance: reader.one(OPTIONS.balance),
    unknownWaitMs: reader.one(OPTIONS.unknownWait),
    maxConnections: reader.one(OPTIONS.maxConnections),
    halfCloseTimeoutMs: reader.one(OPTIONS.halfCloseTimeout),
    drainMs: reader.one(OPTIONS.drain),
    failFast: reader.optional(OPTIONS.failFast)?.value ?? false,
    debug: reader.one(OPTIONS.v) >= DEBUG_LEVEL,
    logFormat: reader.one(OPTIONS.logFormat),
  };
  reader.all(OPTIONS.config);
  for (const ignored of [OPTIONS.filter, OPTIONS.marathonPort, OPTIONS.logtostderr]) {
    reader.all<unknown>(ignored);
  }
  return options;
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
  if (redirect?.value === true) {
    const message = 'not available in this version; use --dnat on the host, or --listen';
    reader.report({ place: redirect.place, message });
  }
  if (dnat?.value === true) return { kind: 'dnat' };
  return listen?.value === undefined ? { kind: 'none' } : { kind: 'listen', ...listen.value };
}

/** One discovery of a kind this version has. */
function chooseDiscovery(reader: OptionReader): AvailableDiscovery | undefined {
  const files: TlsFiles = {
    ca: reader.optional(OPTIONS.etcdCacert)?.value,
    cert: reader.optional(OPTIONS.etcdCert)?.value,
    key: reader.optional(OPTIONS.etcdKeycert)?.value,
  };
  if ((files.cert === undefined) !== (files.key === undefined)) {
    const missing = files.cert === undefined ? OPTIONS.etcdCert.name : OPTIONS.etcdKeycert.name;
    const other = files.cert === undefined ? OPTIONS.etcdKeycert.name : OPTIONS.etcdCert.name;
    reader.report({ place: `option --${other}`, message: `--${missing} goes with it` });
  }
  const given = reader.all(OPTIONS.discovery);
  if (given.length > 1) {
    const message = 'several discoveries are not available in this version; give one';
    reader.report({ place: given[1]?.place ?? '', message });
  }
  const available = given.flatMap(({ value, place, given: isGiven }): readonly AvailableDiscovery[] => {
    if (value.scheme === 'file') return [value];
    if (isEtcd(value)) return [withFiles(value, files)];
    if (!isGiven && reader.configIsLost) return [];
    const what = isGiven ? `${value.scheme}://` : `the default, ${formatDiscoveryUrl(value)},`;
    const message = `${what} is not available in this version; use etcd://HOST:PORT or file:PATH`;
    reader.report({ place, message });
    return [];
  });
  return available[0];
}

function isEtcd(url: DiscoveryUrl): url is EtcdDiscovery {
  return url.scheme === 'etcd';
}

/**
 * Fills in the `-etcd-*` options: defaults of every etcd URL [C7], which mean TLS, as they did in the
 * original. A certificate stays with its own key.
 */
function withFiles(url: EtcdDiscovery, files: TlsFiles): EtcdDiscovery {
  if (files.ca === undefined && files.cert === undefined && files.key === undefined) return url;
  const pair = url.tls?.cert === undefined ? files : url.tls;
  return { ...url, tls: { ca: url.tls?.ca ?? files.ca, cert: pair.cert, key: pair.key } };
}
