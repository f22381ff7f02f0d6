import type { LinkClient, LinkSocket } from '../../src/adapters/netlink/link-client.ts';

/** The kinds of messages, as rtnetlink(7) numbers them. */
const KINDS = { added: 16, removed: 17 } as const;

const MESSAGE_BYTES = 32;

/** A kernel that tells of its interfaces what a test says. */
export class SimLinks implements LinkClient {
  readonly #open = new Set<(Uint8Array | 'overrun')[]>();

  /** The count of subscriptions that were not closed. */
  get held(): number {
    return this.#open.size;
  }

  /** Tells everybody one message, or that some were lost. */
  tell(what: 'added' | 'removed' | 'overrun'): void {
    for (const queue of this.#open) queue.push(what === 'overrun' ? what : message(KINDS[what]));
  }

  open(): LinkSocket {
    const queue: (Uint8Array | 'overrun')[] = [];
    this.#open.add(queue);
    return {
      read: () => queue.shift(),
      close: () => {
        this.#open.delete(queue);
      },
    };
  }
}

function message(kind: number): Uint8Array {
  const bytes = new Uint8Array(MESSAGE_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MESSAGE_BYTES, true);
  view.setUint16(4, kind, true);
  return bytes;
}
