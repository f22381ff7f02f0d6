import {
  formatBindings,
  formatConnections,
  formatEndpoints,
  formatEvents,
  formatServices,
  formatStatus,
  formatTop,
} from './format-answers.ts';
import type { DocumentName, DocumentOf } from '../../ports/admin-documents.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Display } from './format-answers.ts';
import type { Asking } from './resolve-asking.ts';

/** How often `wait` and `top` ask. */
const POLL_MS = 500;
const TOP_MS = 1_000;

/** A yes, and a no. */
const EXIT_YES = 0;
const EXIT_NO = 1;

/** A daemon that can be asked. */
export interface AskedDaemon {
  ask<N extends DocumentName>(
    name: N,
    path: string,
    options: { readonly signal: AbortSignal },
  ): Promise<DocumentOf<N>>;
  changes(options: { readonly signal: AbortSignal }): AsyncIterable<number>;
}

/** What asking works with. */
export interface AskingDependencies {
  readonly clock: Clock;
  readonly daemon: AskedDaemon;
  readonly display: Display;
  /** Shows whole lines; `again` replaces what was shown last, where that can be done. */
  readonly show: (lines: readonly string[], options: { readonly again: boolean }) => void;
}

/** An answer with the lines that show it. */
interface Shown {
  readonly document: unknown;
  readonly lines: readonly string[];
  readonly exitCode: number;
}

/**
 * Asks a running daemon and shows the answer.
 *
 * @param signal - Ends `--watch`, `top` and `wait`.
 * @returns The exit code: 0 for a yes.
 * @throws {AskError} The daemon cannot be asked.
 */
export async function answerAsking(
  dependencies: AskingDependencies,
  asking: Asking,
  { signal }: { readonly signal: AbortSignal },
): Promise<number> {
  const { clock, daemon, show } = dependencies;
  const { json, watch } = asking.options;
  const once = async (again: boolean): Promise<number> => {
    const { document, lines, exitCode } = await ask(dependencies, asking, signal);
    show(json ? [JSON.stringify(document)] : lines, { again });
    return exitCode;
  };
  if (asking.what === 'wait') return waitFor(dependencies, asking, signal);
  if (asking.what === 'events' && watch) return followEvents(dependencies, { json, signal });
  try {
    if (asking.what === 'top') {
      for (let again = false; ; again = true) {
        await once(again);
        await clock.sleep(TOP_MS, { signal });
      }
    }
    if (!watch) return await once(false);
    for await (const change of daemon.changes({ signal })) await once(change > 1);
    return EXIT_YES;
  } catch (error) {
    if (signal.aborted) return EXIT_YES;
    throw error;
  }
}

async function ask(
  { daemon, display }: AskingDependencies,
  asking: Asking,
  signal: AbortSignal,
): Promise<Shown> {
  const options = { signal };
  switch (asking.what) {
    case 'status': {
      const { version } = await daemon.ask('version', '/v1/version', options);
      const readiness = await daemon.ask('readiness', '/readyz', options);
      const { bindings } = await daemon.ask('bindings', '/v1/bindings', options);
      const { services } = await daemon.ask('services', '/v1/services', options);
      const { endpoints } = await daemon.ask('endpoints', '/v1/endpoints', options);
      const document = { version, readiness, bindings, services, endpoints };
      return {
        document,
        lines: formatStatus(document, display),
        exitCode: readiness.ready ? EXIT_YES : EXIT_NO,
      };
    }
    case 'bindings': {
      const { bindings } = await daemon.ask('bindings', '/v1/bindings', options);
      return { document: bindings, lines: formatBindings(bindings, display), exitCode: EXIT_YES };
    }
    case 'services': {
      const { services } = await daemon.ask('services', '/v1/services', options);
      return { document: services, lines: formatServices(services, display), exitCode: EXIT_YES };
    }
    case 'top':
    case 'endpoints': {
      const { endpoints } = await daemon.ask('endpoints', '/v1/endpoints', options);
      const lines =
        asking.what === 'top' ? formatTop(endpoints, display) : formatEndpoints(endpoints, display);
      return { document: endpoints, lines, exitCode: EXIT_YES };
    }
    case 'connections': {
      const { connections } = await daemon.ask('connections', '/v1/connections', options);
      return { document: connections, lines: formatConnections(connections, display), exitCode: EXIT_YES };
    }
    case 'events': {
      const { events } = await daemon.ask('events', '/v1/events', options);
      return { document: events, lines: formatEvents(events, display), exitCode: EXIT_YES };
    }
    case 'wait':
    case 'explain': {
      const explanation = await daemon.ask('explanation', explainPath(asking), options);
      const exitCode = explanation.found === 'binding' ? EXIT_YES : EXIT_NO;
      return { document: explanation, lines: explanation.words, exitCode };
    }
  }
}

type AskedPort = Asking & { readonly what: 'explain' | 'wait' };

function explainPath({ consumer, port, protocol }: AskedPort): string {
  return `/v1/explain?consumer=${encodeURIComponent(consumer)}&port=${port}&protocol=${protocol}`;
}

/** Asks until a binding of that port has a ready endpoint; says why it gave up. */
async function waitFor(
  { clock, daemon, show }: AskingDependencies,
  asking: AskedPort,
  signal: AbortSignal,
): Promise<number> {
  const deadlineAtMs = clock.monotonicMs() + asking.options.timeoutMs;
  while (true) {
    const explanation = await daemon.ask('explanation', explainPath(asking), { signal });
    if (explanation.bindings.some(({ ready }) => ready > 0)) return EXIT_YES;
    const leftMs = deadlineAtMs - clock.monotonicMs();
    if (leftMs <= 0) {
      show(explanation.words, { again: false });
      return EXIT_NO;
    }
    await clock.sleep(Math.min(POLL_MS, leftMs), { signal });
  }
}

/** Shows each line of the log once, until told to stop. */
async function followEvents(
  { daemon, display, show }: AskingDependencies,
  { json, signal }: { readonly json: boolean; readonly signal: AbortSignal },
): Promise<number> {
  let after = 0;
  try {
    const changes = daemon.changes({ signal })[Symbol.asyncIterator]();
    while ((await changes.next()).done !== true) {
      const { events } = await daemon.ask('events', `/v1/events?after=${after}`, { signal });
      after = events.at(-1)?.sequence ?? after;
      const lines = json ? events.map((event) => JSON.stringify(event)) : formatEvents(events, display);
      if (lines.length > 0) show(lines, { again: false });
    }
    return EXIT_YES;
  } catch (error) {
    if (signal.aborted) return EXIT_YES;
    throw error;
  }
}
