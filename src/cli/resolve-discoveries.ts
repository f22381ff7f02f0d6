import { formatDiscoveryUrl } from './discovery-url.ts';
import { OPTIONS } from './options.ts';
import type { DiscoveryUrl, FileDiscovery, ServerDiscovery, TlsFiles } from './discovery-url.ts';
import type { OptionReader } from './option-reader.ts';

/** A discovery that asks etcd over its v3 API. */
export interface EtcdDiscovery extends ServerDiscovery {
  readonly scheme: 'etcd';
}

/** A discovery that asks Consul. */
export interface ConsulDiscovery extends ServerDiscovery {
  readonly scheme: 'consul';
}

/** A discovery that asks etcd over its v2 API. */
export interface Etcd2Discovery extends ServerDiscovery {
  readonly scheme: 'etcd2';
}

/** A discovery that asks Marathon. */
export interface MarathonDiscovery extends ServerDiscovery {
  readonly scheme: 'marathon';
}

/** A discovery, with all that is known of its kind. */
export type AvailableDiscovery =
  ConsulDiscovery | EtcdDiscovery | Etcd2Discovery | MarathonDiscovery | FileDiscovery;

/**
 * Decides on the discoveries [C7]: those given, in order, with the `-etcd-*` options as defaults of every
 * etcd URL; each must have a name of its own.
 *
 * @param reader - Told of everything that is wrong.
 * @returns Those that can be used; an empty list only where something was reported.
 */
export function resolveDiscoveries(reader: OptionReader): readonly AvailableDiscovery[] {
  const files = readFiles(reader);
  const names = new Set<string>();
  return reader.all(OPTIONS.discovery).flatMap(({ value, place }): readonly AvailableDiscovery[] => {
    if (names.has(value.name)) {
      const hint = `name one of them: NAME=${formatDiscoveryUrl(value)}`;
      const message = `two discoveries are called '${value.name}'; ${hint}`;
      reader.report({ place, message });
    }
    names.add(value.name);
    if (value.scheme === 'file') return [value];
    if (isEtcd(value)) return [withFiles(value, files)];
    return isConsul(value) || isMarathon(value) ? [value] : [];
  });
}

/** The files of the `-etcd-*` options. */
function readFiles(reader: OptionReader): TlsFiles {
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
  return files;
}

function isConsul(url: DiscoveryUrl): url is ConsulDiscovery {
  return url.scheme === 'consul';
}

function isMarathon(url: DiscoveryUrl): url is MarathonDiscovery {
  return url.scheme === 'marathon';
}

function isEtcd(url: DiscoveryUrl): url is EtcdDiscovery | Etcd2Discovery {
  return url.scheme === 'etcd' || url.scheme === 'etcd2';
}

/**
 * Fills in the `-etcd-*` options: defaults of every etcd URL [C7], which mean TLS, as they did in the
 * original. A certificate stays with its own key.
 */
function withFiles<T extends EtcdDiscovery | Etcd2Discovery>(url: T, files: TlsFiles): T {
  if (files.ca === undefined && files.cert === undefined && files.key === undefined) return url;
  const pair = url.tls?.cert === undefined ? files : url.tls;
  return { ...url, tls: { ca: url.tls?.ca ?? files.ca, cert: pair.cert, key: pair.key } };
}
