import { poolInWords } from './endpoint-words.ts';
import { counted, serviceInWords } from './service-words.ts';
import type { Consumer } from '../../domain/consumer.ts';
import type { Route } from '../../domain/route.ts';
import type { BindingView, DecisionView, EndpointView, Explanation, ServiceView } from '../../ports/admin.ts';

/** How many names are told to who asks for one that is not there. */
const NAMES_MAX = 10;

/** How many of the last connections are told. */
export const DECISIONS_SHOWN = 10;

/** The shortest beginning of a container's id that is taken for it. */
const ID_LENGTH_MIN = 4;

/** A binding with all that bears on it. */
export interface ExplainedBinding {
  readonly route: Route;
  readonly view: BindingView;
  readonly services: readonly ServiceView[];
  readonly endpoints: readonly EndpointView[];
}

/** What an explanation is made of. */
export interface ExplainInput {
  /** As it was asked for. */
  readonly asked: string;
  /** On the wall clock. */
  readonly nowMs: number;
  readonly port: number;
  readonly protocol: string;
  /** Everyone there is. */
  readonly consumers: readonly Consumer[];
  /** Those that were meant. */
  readonly found: readonly Consumer[];
  /** What they bound at that port, one for each address. */
  readonly bindings: readonly ExplainedBinding[];
  /** All they bound, in words. */
  readonly bound: readonly string[];
  /** What is wrong with their wishes, as it was reported. */
  readonly problems: readonly string[];
  readonly decisions: readonly DecisionView[];
}

/** Finds consumers by name, by the beginning of their id, or by an address. Pure. */
export function findConsumers(asked: string, consumers: readonly Consumer[]): readonly Consumer[] {
  const byName = consumers.filter(({ name }) => name === asked);
  if (byName.length > 0) return byName;
  return consumers.filter(
    ({ id, addresses }) =>
      addresses.some(({ address }) => address === asked) ||
      id === asked ||
      (asked.length >= ID_LENGTH_MIN && id.startsWith(asked)),
  );
}

/**
 * Says why a connection goes where it goes, or why not, in words.
 *
 * Pure.
 */
export function explain(input: ExplainInput): Explanation {
  const { found, bindings, decisions } = input;
  const rest = {
    bindings: bindings.map(({ view }) => view),
    services: bindings.flatMap(({ services }) => services),
    endpoints: bindings.flatMap(({ endpoints }) => endpoints),
    decisions,
  };
  if (found.length === 0 && bindings.length === 0) {
    return { found: 'no consumer', words: nobody(input), ...rest };
  }
  const last = lastInWords(decisions, input.nowMs);
  if (bindings.length === 0) return { found: 'no binding', words: [...unbound(input), ...last], ...rest };
  return { found: 'binding', words: [...bindings.flatMap(bindingInWords), ...last], ...rest };
}

function nobody({ asked, consumers }: ExplainInput): readonly string[] {
  const names = consumers.map(({ name }) => name).sort();
  const known = names.slice(0, NAMES_MAX).join(', ');
  const more = names.length > NAMES_MAX ? ` and ${names.length - NAMES_MAX} more` : '';
  return [
    `No consumer is called '${asked}', has that address, or an id that begins so.`,
    names.length === 0 ? 'No consumer is known at all.' : `Known are: ${known}${more}.`,
  ];
}

function unbound({ found, port, protocol, bound, problems }: ExplainInput): readonly string[] {
  const who = found.map(({ name }) => name).join(', ');
  return [
    `${who} has no binding of port ${port}/${protocol}: a connection there is refused, unless the host ` +
      'itself serves the port and --unbound=pass was chosen.',
    bound.length === 0 ? 'It bound nothing.' : `It bound ${bound.join(', ')}.`,
    ...problems.map((problem) => `Reported: ${problem}.`),
  ];
}

function bindingInWords({ route, view, services, endpoints }: ExplainedBinding): readonly string[] {
  const { pool } = route;
  return [
    `${view.consumer} (${view.address}) asks at port ${view.port}/${view.protocol} for ${view.descriptor}`,
    `  written in ${view.place}`,
    ...services.map((service) => `  ${serviceInWords(service)}`),
    `  ${outcomeInWords(view)}`,
    ...(view.sourceReason === null
      ? []
      : [`  source=keep: endpoints do not see the consumer's own address: ${view.sourceReason}`]),
    ...(view.carrierReason === null ? [] : [`  carried in userspace: ${view.carrierReason}`]),
    ...(view.endpoints === 0
      ? []
      : [`  pool ${poolInWords(pool.key)}, ${counted(view.open, 'open connection')}:`]),
    ...endpoints.map((endpoint) => `    ${endpointInWords(endpoint)}`),
  ];
}

function outcomeInWords(view: BindingView): string {
  switch (view.state) {
    case 'unknown':
      return 'nothing is known of the service yet: a connection waits (--unknown-wait), then is refused';
    case 'empty':
      return 'the service has no endpoint that this descriptor wants: a connection is refused at once';
    case 'panic':
      return `only ${view.ready} of ${view.endpoints} endpoints are ready, too few: all are used`;
    case 'ready':
      return `a connection goes to one of ${view.ready} ready of ${counted(view.endpoints, 'endpoint')}`;
  }
}

function endpointInWords({ endpoint, weight, state, reason, open }: EndpointView): string {
  const why = reason === null ? '' : `: ${reason}`;
  return `${endpoint} ${state}${why}; weight ${weight}, ${open} open`;
}

function lastInWords(decisions: readonly DecisionView[], nowMs: number): readonly string[] {
  if (decisions.length === 0) return ['No connection was seen lately.'];
  return [
    'The last connections, newest first:',
    ...decisions.map((decision) => `  ${decisionInWords(decision, nowMs)}`),
  ];
}

/** `3.2 s ago from 172.17.0.3 to 10.0.0.1:80, after 10.0.0.2:80 failed in 0.4 ms`. */
function decisionInWords(decision: DecisionView, nowMs: number): string {
  const { atMs, source, endpoint, refused, attempts } = decision;
  const failed = attempts.filter(({ error }) => error !== null);
  const after = failed.map((attempt) => `${attempt.endpoint} failed in ${attempt.tookMs.toFixed(1)} ms`);
  const before = after.length === 0 ? '' : `, after ${after.join(' and ')}`;
  const end = endpoint === null ? `refused: ${refused ?? 'cut'}` : `to ${endpoint}`;
  const ago = Math.max(0, nowMs - atMs) / 1_000;
  return `${ago.toFixed(1)} s ago from ${source} ${end}${before}`;
}
