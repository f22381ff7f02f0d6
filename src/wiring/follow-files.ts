import { followConfig } from './follow-config.ts';
import { followPolicy } from './follow-policy.ts';
import type { Options } from '../cli/resolve-options.ts';
import type { ReadOptions, ReloadDependencies } from './follow-config.ts';

/**
 * Has a daemon follow the files of its operator: the access policy and the config file.
 *
 * @param options - What it runs with; `read` says what the files say now.
 * @returns Reads both anew at once; undefined where there is neither.
 * @throws {AccessPolicyError} There is no policy to start with.
 */
export async function followFiles(
  dependencies: ReloadDependencies,
  { options, read }: { readonly options: Options; readonly read: ReadOptions },
  resources: AsyncDisposableStack,
): Promise<(() => void) | undefined> {
  const { accessPolicy, config } = options;
  const readPolicyAnew = await followPolicy(dependencies, accessPolicy, resources);
  const readConfigAnew = followConfig(dependencies, { options, read }, resources);
  if (accessPolicy === undefined && config === undefined) return undefined;
  return () => {
    readPolicyAnew();
    readConfigAnew();
  };
}
