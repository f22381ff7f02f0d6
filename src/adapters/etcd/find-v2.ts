import { withTimeLimit } from '../../ports/time-limit.ts';
import { EtcdError } from './etcd-client.ts';
import type { Clock } from '../../ports/clock.ts';
import type { EtcdTransport, TlsContents } from './etcd-wire.ts';

/** How long a member may take to tell its version, in milliseconds. */
const VERSION_LIMIT_MS = 500;

/**
 * Finds a member that says it is older than v3, and only such: it may be why nobody answers.
 *
 * @param signal - Gives up: answers with undefined.
 * @returns The error that says so; undefined when no member says it.
 */
export async function findV2(
  dependencies: { readonly transport: Pick<EtcdTransport, 'version'>; readonly clock: Clock },
  options: {
    readonly hosts: readonly string[];
    readonly tls: TlsContents | undefined;
    readonly signal: AbortSignal;
  },
): Promise<EtcdError | undefined> {
  const { hosts, tls, signal } = options;
  const timeout = (): Error => new Error('no answer');
  const limit = { limitMs: VERSION_LIMIT_MS, timeout, signal };
  const asked = hosts.map(async (host) => {
    const answer = await withTimeLimit(dependencies.clock, limit, (limited) => {
      return dependencies.transport.version(host, { tls, signal: limited });
    }).catch(() => '');
    const version = /"etcdserver"\s*:\s*"([012]\.[0-9.]+)/.exec(answer)?.[1];
    return version === undefined ? [] : [`${host} is etcd ${version}`];
  });
  const [found] = (await Promise.all(asked)).flat();
  if (found === undefined) return undefined;
  const advice = 'give etcd2:// in the place of etcd://, or run etcd 3.0 or newer there';
  return new EtcdError('v2-only', `${found}, which speaks v2 only: ${advice}`);
}
