import { printable } from '../../domain/printable.ts';
import { formatTable } from '../table.ts';
import type {
  BindingView,
  ConnectionView,
  EndpointView,
  EventView,
  Readiness,
  ServiceView,
} from '../../ports/admin.ts';

/** How many bindings in trouble the overview names. */
const TROUBLE_SHOWN_MAX = 10;

/** How an answer is to be shown. */
export interface Display {
  /** The terminal's width; undefined where there is no terminal. */
  readonly columns: number | undefined;
  /** Writes an instant (milliseconds since 1970 UTC) for people. */
  readonly formatTime: (atMs: number) => string;
}

/** What the overview is made of. */
export interface Overview {
  readonly version: string;
  readonly readiness: Readiness;
  readonly bindings: readonly BindingView[];
  readonly services: readonly ServiceView[];
  readonly endpoints: readonly EndpointView[];
}

/** What is bound to what at a glance, and what is in trouble. Pure. */
export function formatStatus(overview: Overview, display: Display): readonly string[] {
  const { bindings, services, endpoints, readiness } = overview;
  const open = bindings.reduce((sum, binding) => sum + binding.open, 0);
  const ejected = endpoints.filter(({ state }) => state === 'ejected').length;
  const consumers = new Set(bindings.map(({ consumerId }) => consumerId)).size;
  const trouble = bindings.filter(({ state }) => state !== 'ready');
  const silent = services.filter(({ status }) => status !== 'answering');
  const lines = [
    `embassy ${overview.version}: ${readiness.ready ? 'ready' : 'not ready yet'}`,
    `${many(bindings.length, 'binding')} of ${many(consumers, 'consumer')}, ${many(open, 'open connection')}`,
    `${many(services.length, 'service')}, ${many(endpoints.length, 'endpoint')}` +
      (ejected === 0 ? '' : `, ${ejected} of them ejected`),
    ...readiness.waitingFor.map((what) => `waiting: ${printable(what)}`),
    ...silent.map(
      (view) => `${view.service}: ${view.discovery} ${view.status} (${printable(view.reason ?? '')})`,
    ),
  ];
  if (trouble.length === 0) return lines;
  const shown = trouble.slice(0, TROUBLE_SHOWN_MAX);
  const more = trouble.length > shown.length ? [`… and ${trouble.length - shown.length} more`] : [];
  return [...lines, '', ...formatBindings(shown, display), ...more];
}

/** Who is bound to what. Pure. */
export function formatBindings(bindings: readonly BindingView[], { columns }: Display): readonly string[] {
  if (bindings.length === 0)
    return ["Nothing is bound. Start a container with -e BACKEND_NAME='SERVICE;PORT'."];
  const rows = bindings.map((binding) => [
    printable(binding.consumer),
    binding.address,
    `${binding.port}/${binding.protocol}`,
    binding.service,
    binding.state,
    `${binding.ready}/${binding.endpoints}`,
    String(binding.open),
  ]);
  return formatTable(
    [['CONSUMER', 'ADDRESS', 'PORT', 'SERVICE', 'STATE', 'READY', 'OPEN'], ...rows],
    columns,
  );
}

/** What each discovery knows. Pure. */
export function formatServices(services: readonly ServiceView[], { columns }: Display): readonly string[] {
  if (services.length === 0) return ['No service is needed, since nothing is bound.'];
  const rows = services.map((view) => [
    view.service,
    view.discovery,
    view.status,
    view.endpoints === null ? 'unknown' : String(view.endpoints),
    String(view.suspected),
    view.answeredMsAgo === null ? 'never' : `${Math.round(view.answeredMsAgo / 1_000)} s`,
    printable(view.reason ?? view.revision ?? ''),
  ]);
  const headings = ['SERVICE', 'DISCOVERY', 'STATUS', 'ENDPOINTS', 'SUSPECTED', 'AGE', 'REVISION'];
  return formatTable([headings, ...rows], columns);
}

/** Every endpoint with its state. Pure. */
export function formatEndpoints(endpoints: readonly EndpointView[], { columns }: Display): readonly string[] {
  if (endpoints.length === 0) return ['No endpoint is known.'];
  const isCarried = endpoints.some(({ carried }) => carried !== null);
  const rows = endpoints.map((view) => [
    view.pool,
    view.endpoint,
    view.state,
    String(view.weight),
    String(view.open),
    ...(isCarried ? [String(view.carried ?? '')] : []),
    printable(view.reason ?? ''),
  ]);
  const headings = [
    'POOL',
    'ENDPOINT',
    'STATE',
    'WEIGHT',
    'OPEN',
    ...(isCarried ? ['CARRIED'] : []),
    'REASON',
  ];
  return formatTable([headings, ...rows], columns);
}

/** Open connections, oldest first. Pure. */
export function formatConnections(views: readonly ConnectionView[], { columns }: Display): readonly string[] {
  if (views.length === 0) return ['No connection is open.'];
  const rows = views.map((view) => [
    printable(view.consumer),
    view.port === null ? '?' : String(view.port),
    view.service ?? '',
    view.endpoint ?? '',
    view.stage,
    `${Math.round(view.ageMs / 1_000)} s`,
  ]);
  return formatTable([['CONSUMER', 'PORT', 'SERVICE', 'ENDPOINT', 'STAGE', 'AGE'], ...rows], columns);
}

/** Lines of the log. Pure. */
export function formatEvents(events: readonly EventView[], { formatTime }: Display): readonly string[] {
  return events.map(
    ({ atMs, level, message }) => `${formatTime(atMs)} ${level.padEnd(5)} ${printable(message)}`,
  );
}

/** Services by their open connections, the busiest first. Pure. */
export function formatTop(endpoints: readonly EndpointView[], { columns }: Display): readonly string[] {
  const services = new Map<string, { open: number; ready: number; all: number }>();
  for (const { service, open, state } of endpoints) {
    const sum = services.get(service) ?? { open: 0, ready: 0, all: 0 };
    sum.open += open;
    sum.all += 1;
    if (state === 'ready') sum.ready += 1;
    services.set(service, sum);
  }
  const rows = [...services]
    .sort(([a, one], [b, two]) => two.open - one.open || (a < b ? -1 : 1))
    .map(([service, { open, ready, all }]) => [service, String(open), `${ready}/${all}`]);
  if (rows.length === 0) return ['No service is needed, since nothing is bound.'];
  return formatTable([['SERVICE', 'OPEN', 'READY'], ...rows], columns);
}

function many(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
