import { followConfig } from './follow-config.ts';
import { followPolicy } from './follow-policy.ts';
import type { ConfigInForce, ReloadDependencies } from './follow-config.ts';

/**
 * Has a daemon follow the files of its operator: the access policy and the config file.
 *
 * @param files - What it runs with, and from which config; `read` says what it says now.
 * @returns Reads both anew at once; undefined where there is neither.
 * @throws {AccessPolicyError} There is no policy to start with.
 */
export async function followFiles(
  dependencies: ReloadDependencies,
  files: ConfigInForce,
  resources: AsyncDisposableStack,
): Promise<(() => void) | undefined> {
  const { accessPolicy, config } = files.options;
  const readPolicyAnew = await followPolicy(dependencies, accessPolicy, resources);
  const readConfigAnew = followConfig(dependencies, files, resources);
  if (accessPolicy === undefined && config === undefined) return undefined;
  return () => {
    readPolicyAnew();
    readConfigAnew();
  };
}
