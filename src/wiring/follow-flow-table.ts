import { createConntrackClient } from '../adapters/conntrack/client.ts';
import { ConntrackTable } from '../adapters/conntrack/conntrack-table.ts';
import { limitFlowTable, watchFlowTable } from '../app/flow-table-watch.ts';
import type { FlowTableWatchDependencies } from '../app/flow-table-watch.ts';
import type { Options } from '../cli/resolve-options.ts';

/**
 * Sets the limits of the kernel's flow table that were chosen, and watches it from then on.
 *
 * @param resources - Ends the watch.
 */
export async function followFlowTable(
  dependencies: Omit<FlowTableWatchDependencies, 'flowTable'>,
  options: Pick<Options, 'conntrackMax' | 'conntrackTimeoutMs'>,
  resources: AsyncDisposableStack,
): Promise<void> {
  const flowTable = new ConntrackTable({ client: createConntrackClient() });
  const { conntrackMax: max, conntrackTimeoutMs: establishedTimeoutMs } = options;
  await limitFlowTable({ ...dependencies, flowTable }, { max, establishedTimeoutMs });
  const ended = new AbortController();
  const watching = watchFlowTable({ ...dependencies, flowTable }, { signal: ended.signal });
  resources.defer(async () => {
    ended.abort();
    await watching;
  });
}
