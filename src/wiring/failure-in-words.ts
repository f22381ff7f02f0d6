import { AccessLogError } from '../adapters/access-log/client.ts';
import { AccessPolicyError } from './follow-policy.ts';
import { AdminListenError } from '../adapters/admin/admin-listen-error.ts';
import { ConsulError } from '../adapters/consul/consul-client.ts';
import { Etcd2Error } from '../adapters/etcd2/etcd2-client.ts';
import { EtcdError } from '../adapters/etcd/etcd-client.ts';
import { SourceUnreachable } from '../app/source-unreachable.ts';
import { VirtualIpUnknown } from '../app/find-virtual-ips.ts';
import { HostAddressError } from '../app/listen-plan.ts';
import { MarathonError } from '../adapters/marathon/marathon-client.ts';
import { TrackedFlowsError } from '../ports/tracked-flows.ts';
import { ListenError } from '../ports/listener.ts';
import { SuccessorError } from '../ports/upgrade.ts';
import { NftablesError } from '../adapters/nftables/nftables-client.ts';
import { RedirectorError } from '../ports/redirector.ts';
import { TokenFileError } from '../adapters/node/token-file.ts';

/**
 * Says in words why a command could not be done. What nobody foresaw comes with its stack.
 *
 * Pure.
 */
export function failureInWords(error: unknown): string {
  if (error instanceof RedirectorError || error instanceof NftablesError) return error.inWords;
  if (error instanceof ListenError && error.code === 'in-use') {
    return `${error.message}; end what has it (is embassy running already?), or choose another with -port`;
  }
  if (error instanceof SourceUnreachable) return `${error.message} (--fail-fast)`;
  const known =
    error instanceof ListenError ||
    error instanceof SuccessorError ||
    error instanceof AccessLogError ||
    error instanceof TrackedFlowsError ||
    error instanceof AccessPolicyError ||
    error instanceof AdminListenError ||
    error instanceof TokenFileError ||
    error instanceof VirtualIpUnknown ||
    error instanceof HostAddressError ||
    error instanceof ConsulError ||
    error instanceof Etcd2Error ||
    error instanceof MarathonError ||
    error instanceof EtcdError;
  if (known) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
