import { BALANCES } from '../domain/balance.ts';
import { parseDiscoveryUrl } from './discovery-url.ts';
import { parseDockerHost } from './docker-host.ts';
import { row } from './option-row.ts';
import {
  addressAndPortOrOff,
  choice,
  consumerAddress,
  dialledAddress,
  duration,
  integer,
  listenAddress,
  markBits,
  pathOrOff,
  pattern,
  portNumber,
  text,
  toggle,
} from './option-value.ts';
import type { DiscoveryUrl } from './discovery-url.ts';
import type { DockerHost } from './docker-host.ts';
import type { OptionRow } from './option-row.ts';
import type { ValueKind } from './option-value.ts';

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** Commands that ask a running daemon. */
export const ASKING_COMMANDS = [
  'status',
  'bindings',
  'services',
  'endpoints',
  'connections',
  'explain',
  'events',
  'top',
  'wait',
] as const;

export type AskingCommand = (typeof ASKING_COMMANDS)[number];

/** The commands; the first is meant when none is given. */
export const COMMANDS = ['run', 'check', 'doctor', 'cleanup', 'completion', ...ASKING_COMMANDS] as const;

export type Command = (typeof COMMANDS)[number];

const DISCOVERY: ValueKind<DiscoveryUrl> = { arity: 'required', metavar: 'URL', read: parseDiscoveryUrl };
const DOCKER: ValueKind<DockerHost> = { arity: 'required', metavar: 'URL', read: parseDockerHost };
const PREFIX = pattern('TEXT', /^[A-Za-z_][A-Za-z0-9_]*$/, 'a name of letters, digits and _');
const INTERFACE = pattern('NAME', /^[^\s/:]{1,15}$/, 'the name of an interface');

const BINDINGS = 'Bindings';
const DISCOVERY_GROUP = 'Discovery';
const CAPTURE = 'Capture (one of; none leaves the rules to you)';
const ADDRESSES = 'Addresses';
const CONNECTIONS = 'Connections';
const ENDPOINTS = 'Endpoints that fail, and new ones';
const RUNNING = 'Running';
const ADMIN = 'Seeing into a running daemon';
const ACCEPTED = 'Accepted for the original, without effect';

/** Three to a line, as help has room. */
const BALANCES_IN_LINES = `${BALANCES.slice(0, 3).join(', ')},\n${BALANCES.slice(3).join(', ')}`;

/** The options of this version [C8]; help, readers and messages are made from it. */
export const OPTIONS = {
  provider: row('provider', choice('NAME', ['docker', 'static']), BINDINGS, {
    defaults: ['docker'],
    help: 'who wants bindings: docker or static',
  }),
  prefix: row('prefix', PREFIX, BINDINGS, {
    defaults: ['BACKEND_'],
    help: 'what asking variables start with',
  }),
  docker: row('docker', DOCKER, BINDINGS, {
    defaults: ['unix:///var/run/docker.sock'],
    environment: ['DOCKER_HOST'],
    help: "Docker's API",
  }),
  services: row('services', text('LIST'), BINDINGS, {
    help: "for static: 'NAME[tags];PORT,…'",
  }),
  consumer: row('consumer', consumerAddress(), BINDINGS, {
    repeatable: true,
    help: "whom -services serve, '*' for all\n(the address of -interface)",
  }),
  maxBindings: row('max-bindings', integer('COUNT', { min: 1, max: 65_536 }), BINDINGS, {
    defaults: ['256'],
    help: 'the most bindings of one container',
  }),
  accessPolicy: row('access-policy', text('PATH'), BINDINGS, {
    help: 'which containers may use which services; what\nno rule of the file allows is refused',
  }),
  discovery: row('discovery', DISCOVERY, DISCOVERY_GROUP, {
    repeatable: true,
    defaults: ['consul://127.0.0.1:8500'],
    help: 'consul://HOST:PORT, etcd://…, etcd2://…,\nmarathon://… or file:PATH; of several the\nfirst that has endpoints',
  }),
  etcdCacert: row('etcd-cacert', text('PATH'), DISCOVERY_GROUP, {
    help: "PEM of the authority of etcd's certificate",
  }),
  etcdCert: row('etcd-cert', text('PATH'), DISCOVERY_GROUP, {
    help: 'PEM of our certificate for etcd',
  }),
  etcdKeycert: row('etcd-keycert', text('PATH'), DISCOVERY_GROUP, {
    help: 'PEM of the key of that certificate',
  }),
  filter: row('filter', toggle(), DISCOVERY_GROUP, {
    defaults: ['true'],
    help: 'of Consul only what passes its checks; false keeps\nwhat has a warning',
  }),
  discoverySockets: row('discovery-sockets', integer('COUNT', { min: 4, max: 10_000 }), DISCOVERY_GROUP, {
    defaults: ['64'],
    help: 'the most open questions to one server at once',
  }),
  marathonPort: row('marathon-port', portNumber(), DISCOVERY_GROUP, {
    defaults: ['10001'],
    help: 'where old masters of Marathon post events',
  }),
  resync: row('resync', duration({ minMs: SECOND_MS, maxMs: DAY_MS }), DISCOVERY_GROUP, {
    defaults: ['120'],
    help: 'how often everything is read anew',
  }),
  lossHold: row('loss-hold', duration({ minMs: 0, maxMs: DAY_MS }), DISCOVERY_GROUP, {
    defaults: ['10'],
    help: 'how long a vanished endpoint still serves',
  }),
  dnat: row('dnat', toggle(), CAPTURE, { help: 'on the host: lead here what containers dial' }),
  redirect: row('redirect', toggle(), CAPTURE, {
    help: 'in a container: lead what arrives there, and\nwhat its processes send to --virtual-ip, here',
  }),
  listen: row('listen', listenAddress(), CAPTURE, {
    help: 'listen at each bound port plus OFFSET\n(127.0.0.1+0)',
  }),
  virtualIp: row('virtual-ip', dialledAddress(), ADDRESSES, {
    repeatable: true,
    environment: ['PROXY_IP'],
    help: 'what consumers dial, one per family\n(the address of docker0)',
  }),
  unbound: row('unbound', choice('WHAT', ['refuse', 'pass']), ADDRESSES, {
    defaults: ['refuse'],
    help: 'a port that its consumer did not bind: refuse it,\nor pass it to what the host has there',
  }),
  interface: row('interface', INTERFACE, ADDRESSES, {
    defaults: ['eth0'],
    help: 'whose address static consumers have',
  }),
  port: row('port', portNumber(), ADDRESSES, {
    aliases: ['p'],
    defaults: ['9999'],
    environment: ['PROXY_PORT'],
    help: 'where captured connections arrive',
  }),
  balance: row('balance', choice('POLICY', BALANCES), CONNECTIONS, {
    defaults: ['round-robin'],
    help: BALANCES_IN_LINES,
  }),
  proxier: row('proxier', choice('WHO', ['userspace', 'nftables', 'auto']), CONNECTIONS, {
    defaults: ['auto'],
    help: 'userspace, nftables (the kernel as far as it can),\nor auto (the kernel where the host has nft)',
  }),
  keepRules: row('keep-rules', toggle(), CONNECTIONS, {
    help: 'leave the table of nftables at stop, for an upgrade',
  }),
  kernelBytes: row('kernel-bytes', toggle(), CONNECTIONS, {
    help: 'count the bytes that the kernel carries; costs\nsome 5 % of its speed',
  }),
  packetMark: row('packet-mark', markBits(), CONNECTIONS, {
    defaults: ['0x4000000'],
    help: 'bits of the packet mark that nobody else uses: what\nthe kernel leads to another bridge has them',
  }),
  unknownWait: row('unknown-wait', duration({ minMs: 0, maxMs: MINUTE_MS }), CONNECTIONS, {
    defaults: ['3'],
    help: 'how long a connection waits for a first answer',
  }),
  maxConnections: row('max-connections', integer('COUNT', { min: 1, max: 1_000_000 }), CONNECTIONS, {
    defaults: ['10000'],
    help: 'the most connections at once',
  }),
  maxConnectionsPerBinding: row(
    'max-connections-per-binding',
    integer('COUNT', { min: 1, max: 1_000_000 }),
    CONNECTIONS,
    { defaults: ['10000'], help: 'the most of them to one port of one consumer' },
  ),
  halfCloseTimeout: row('half-close-timeout', duration({ minMs: SECOND_MS, maxMs: DAY_MS }), CONNECTIONS, {
    defaults: ['60'],
    help: 'the longest silence once half-closed',
  }),
  drain: row('drain', duration({ minMs: 0, maxMs: HOUR_MS }), CONNECTIONS, {
    defaults: ['8'],
    help: 'how long open connections may last at stop',
  }),
  upgradeDrain: row('upgrade-drain', duration({ minMs: 0, maxMs: DAY_MS }), CONNECTIONS, {
    defaults: ['300'],
    help: 'how long they may last in a daemon that was\nreplaced (SIGUSR2)',
  }),
  endpointDrain: row('endpoint-drain', duration({ minMs: 0, maxMs: DAY_MS }), CONNECTIONS, {
    defaults: ['60'],
    help: 'how long those to a removed endpoint may last',
  }),
  ejectAfter: row('eject-after', integer('COUNT', { min: 0, max: 1_000 }), ENDPOINTS, {
    defaults: ['5'],
    help: 'failed dials in a row that eject an endpoint;\n0 ejects none',
  }),
  ejectTime: row('eject-time', duration({ minMs: SECOND_MS, maxMs: DAY_MS }), ENDPOINTS, {
    defaults: ['30'],
    help: 'how long the first time; the n-th time n times\nas long, up to --eject-time-max',
  }),
  ejectTimeMax: row('eject-time-max', duration({ minMs: SECOND_MS, maxMs: DAY_MS }), ENDPOINTS, {
    defaults: ['300'],
    help: 'the longest ejection',
  }),
  panicThreshold: row('panic-threshold', integer('PERCENT', { min: 0, max: 100 }), ENDPOINTS, {
    defaults: ['25'],
    help: 'with fewer endpoints ready than this, all are used',
  }),
  slowStart: row('slow-start', duration({ minMs: 0, maxMs: HOUR_MS }), ENDPOINTS, {
    defaults: ['0'],
    help: 'how long a new endpoint takes to its full share',
  }),
  conntrackMax: row('conntrack-max', integer('COUNT', { min: 1, max: 2 ** 31 - 1 }), RUNNING, {
    environment: ['IPTABLES_TRACK_MAX_CONNECTIONS'],
    help: 'the most connections the kernel tracks (as it is)',
  }),
  conntrackTimeout: row('conntrack-timeout', duration({ minMs: SECOND_MS, maxMs: 30 * DAY_MS }), RUNNING, {
    environment: ['IPTABLES_TRACK_TIMEOUT'],
    help: 'how long it tracks an idle one (as it is)',
  }),
  stateDir: row('state-dir', text('PATH'), RUNNING, {
    help: 'keep the known endpoints there, for a start while\ndiscovery is away (nowhere)',
  }),
  failFast: row('fail-fast', toggle(), RUNNING, {
    help: 'exit 1 when a source is away at start',
  }),
  config: row('config', text('FILE'), RUNNING, { help: 'YAML with these names as keys' }),
  v: row('v', integer('LEVEL', { min: 0, max: 99 }), RUNNING, {
    defaults: ['0'],
    help: 'from 3 on the log has details, too',
  }),
  logFormat: row('log-format', choice('FORMAT', ['auto', 'pretty', 'json']), RUNNING, {
    defaults: ['auto'],
    help: 'pretty, json, or by the terminal',
  }),
  accessLog: row('access-log', text('PATH'), RUNNING, {
    help: 'where each ended connection is told as a line of\nJSON; - is standard output',
  }),
  adminSocket: row('admin-socket', pathOrOff(), ADMIN, {
    defaults: ['/run/embassy.sock'],
    help: 'the unix socket of the admin API, or off',
  }),
  adminListen: row('admin-listen', addressAndPortOrOff(), ADMIN, {
    defaults: ['127.0.0.1:9998'],
    help: 'its TCP address, or off; off with --redirect',
  }),
  adminTokenFile: row('admin-token-file', text('PATH'), ADMIN, {
    help: 'what a request over TCP must bring to change\nanything, or to come from elsewhere',
  }),
  json: row('json', toggle(), ADMIN, { help: 'answers of status, explain, … as JSON' }),
  watch: row('watch', toggle(), ADMIN, { help: 'the answer again after each change' }),
  timeout: row('timeout', duration({ minMs: 0, maxMs: DAY_MS }), ADMIN, {
    defaults: ['30'],
    help: 'how long wait waits',
  }),
  logtostderr: row('logtostderr', toggle(), ACCEPTED, { help: 'the log goes there anyway' }),
} as const;

/** All rows, in the order of help. */
export const OPTION_ROWS: readonly OptionRow<unknown>[] = Object.values(OPTIONS);

/** Finds an option by its name or an alias, without dashes. Pure. */
export function findOption(name: string): OptionRow<unknown> | undefined {
  return OPTION_ROWS.find((option) => option.name === name || option.aliases.includes(name));
}

/** The variables of an option; the first that is set and not empty counts. Pure. */
export function environmentNames(option: OptionRow<unknown>): readonly string[] {
  return [`EMBASSY_${option.name.toUpperCase().replaceAll('-', '_')}`, ...option.environment];
}
