import { NodeResolver } from '../adapters/node/node-resolver.ts';
import { survey } from '../app/survey.ts';
import { formatCheck } from '../cli/format-check.ts';
import { createDiscoveries, discoveryChoices } from './create-discoveries.ts';
import { createProvider } from './create-provider.ts';
import { readPolicy } from './follow-policy.ts';
import type { Options } from '../cli/resolve-options.ts';
import type { DiscoveryOptions } from './create-discoveries.ts';
import type { ProviderDependencies } from './create-provider.ts';

/** How long each provider and service may take to answer, in milliseconds. */
const SURVEY_TIMEOUT_MS = 5_000;

/** Something is wrong, or a service is not known. */
const EXIT_FAILED = 1;

/** What a check works with. */
export interface CheckDependencies extends ProviderDependencies {
  /** Takes whole lines. */
  readonly out: (text: string) => void;
}

/**
 * Looks once at what the daemon would do, and says it.
 *
 * @param stop - Ends it before its time.
 * @returns The exit status.
 * @throws {AccessPolicyError} The policy that was named cannot be read.
 */
export async function runCheck(
  dependencies: CheckDependencies,
  options: Options & DiscoveryOptions,
  stop: AbortSignal,
): Promise<number> {
  const { clock, random, log, out } = dependencies;
  await using resources = new AsyncDisposableStack();
  const access = await readPolicy(log, options.accessPolicy);
  const discoveries = await createDiscoveries({ clock, random }, options, resources);
  const provider = await createProvider(dependencies, options, {
    virtualIps: [],
    udp: options.proxier !== 'userspace' && options.capture.kind === 'dnat',
  });
  const found = await survey(
    { clock, providers: [provider], discoveries, resolver: new NodeResolver({ clock }) },
    {
      defaults: { discoveries: discoveryChoices(options), balance: options.balance },
      maxBindings: options.maxBindings,
      policy: access?.policy,
      timeoutMs: SURVEY_TIMEOUT_MS,
      signal: stop,
    },
  );
  const problems = [...(access?.problems ?? []), ...found.problems];
  out(formatCheck({ ...found, problems }));
  const wrong = problems.length > 0 || found.bindings.some(({ service }) => service.kind !== 'known');
  return wrong ? EXIT_FAILED : 0;
}
