import { AccessLogFile } from '../adapters/access-log/client.ts';
import type { AccessLogDependencies } from '../adapters/access-log/client.ts';
import type { AccessLog } from '../ports/access-log.ts';

/**
 * Opens the access log where one was asked for.
 *
 * @throws {AccessLogError} Its file cannot be opened.
 */
export function openAccessLog(
  dependencies: AccessLogDependencies,
  path: string | undefined,
  resources: AsyncDisposableStack,
): AccessLog | undefined {
  return path === undefined ? undefined : resources.use(AccessLogFile.open(dependencies, path));
}
