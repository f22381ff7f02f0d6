import { wireErrorOf } from './etcd-failure.ts';
import { EtcdWireError } from './etcd-wire.ts';
import type { EtcdResponse } from './etcd-wire.ts';

/** A message of the stream of watches as gRPC decodes it; numbers of 64 bits are texts. */
interface WatchMessage {
  readonly header: { readonly revision: string };
  readonly watch_id: string;
  readonly created: boolean;
  readonly canceled: boolean;
  /** `0` but for a watch that begins where the history is no longer kept. */
  readonly compact_revision: string;
  readonly cancel_reason: string;
  readonly events: readonly {
    readonly type: string;
    readonly kv: { readonly key: Uint8Array; readonly value: Uint8Array };
  }[];
}

/**
 * Tells what a message of the stream of watches means.
 *
 * Pure.
 *
 * @see etcd, api/etcdserverpb/rpc.proto, WatchResponse.
 */
export function* responsesOf(message: WatchMessage): Generator<EtcdResponse, void, undefined> {
  const { watch_id: watchId, cancel_reason: reason, compact_revision: compacted } = message;
  if (message.created) {
    yield message.canceled ? { kind: 'refused', reason } : { kind: 'created', watchId };
    return;
  }
  if (message.events.length > 0) {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    const events = message.events.map(({ type, kv }) => {
      const key = decoder.decode(kv.key);
      return type.toLowerCase() === 'delete'
        ? ({ kind: 'delete', key } as const)
        : ({ kind: 'put', key, value: decoder.decode(kv.value) } as const);
    });
    yield { kind: 'events', watchId, events, revision: message.header.revision };
  }
  if (!message.canceled) return;
  const error =
    compacted === '0'
      ? wireErrorOf({
          kind: 'EtcdError',
          message: `etcdserver: the watch was cancelled: ${reason || 'no reason given'}`,
          cause: undefined,
        })
      : new EtcdWireError('compacted', `the history before revision ${compacted} is compacted`);
  yield { kind: 'cancelled', watchId, error };
}
