import { FlowTableError } from '../ports/flow-table.ts';
import type { Clock } from '../ports/clock.ts';
import type { FlowTable, FlowTableLimits } from '../ports/flow-table.ts';
import type { Log } from '../ports/log.ts';
import type { Metrics } from '../ports/metrics.ts';

/** How often the table is looked at, in milliseconds; costs two reads of the kernel. */
const LOOK_MS = 10_000;

/** From this fill on it is said that the table is nearly full, in percent [P30]. */
const WARN_PERCENT = 80;

/** Below this it is said that it no longer is; lower, so that a count at the edge is not told each time. */
const CALM_PERCENT = 70;

/** What the watch works with. */
export interface FlowTableWatchDependencies {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly flowTable: FlowTable;
}

/**
 * Sets the limits of the kernel's flow table that were asked for; what cannot be set is logged and stops
 * nothing.
 */
export async function limitFlowTable(
  dependencies: Pick<FlowTableWatchDependencies, 'flowTable' | 'log'>,
  limits: FlowTableLimits,
): Promise<void> {
  const { flowTable, log } = dependencies;
  try {
    await flowTable.limit(limits);
  } catch (error) {
    if (!(error instanceof FlowTableError)) throw error;
    log.warn(error.message);
  }
}

/**
 * Says before it happens that the kernel's flow table is full [P30]: from then on new connections vanish
 * without a word, those that embassy captures among them. Where the kernel tracks nothing there is nothing to
 * say.
 *
 * @param signal - Ends it; resolves then.
 */
export async function watchFlowTable(
  dependencies: FlowTableWatchDependencies,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  const { clock, log, metrics, flowTable } = dependencies;
  let isNearlyFull = false;
  try {
    while (true) {
      const fill = await flowTable.read();
      const percent = fill === undefined ? 0 : (100 * fill.count) / fill.max;
      if (fill !== undefined && !isNearlyFull && percent >= WARN_PERCENT) {
        isNearlyFull = true;
        metrics.limitReached('conntrack');
        log.warn(
          `the kernel tracks ${fill.count} of at most ${fill.max} connections (${Math.floor(percent)} %); ` +
            'when it is full, new connections are dropped: raise --conntrack-max',
        );
      } else if (isNearlyFull && percent < CALM_PERCENT) {
        isNearlyFull = false;
        log.info(`the kernel tracks ${Math.floor(percent)} % of its connections again`);
      }
      await clock.sleep(LOOK_MS, { signal });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
