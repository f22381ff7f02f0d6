import { familyOf } from '../../domain/address.ts';
import { TrackedFlowsError } from '../../ports/tracked-flows.ts';
import { addressBytes, cutRequest, flowsRequest, readCutAnswer, readFlowAnswer } from './flow-messages.ts';
import type { AddressFamily } from '../../domain/address.ts';
import type { Flow, TrackedFlows, FlowWish } from '../../ports/tracked-flows.ts';
import type { NetfilterClient, NetfilterSocket } from './netfilter-client.ts';

const FAMILIES: readonly AddressFamily[] = [4, 6];

/** After so many parts of an answer, and so many cuts, others have their turn: some milliseconds. */
const PARTS_AT_ONCE = 8;
const CUTS_AT_ONCE = 500;

/** A list that changed while it was made is asked for again, so many times in all. */
const ATTEMPTS_MAX = 5;

/** What is missing where the kernel does not answer. */
const NEEDS = 'this needs Linux with nf_conntrack_netlink, and root or CAP_NET_ADMIN';

/** See errno(3): there is no such flow. */
const ENOENT = 2;

interface Wait {
  readonly signal: AbortSignal;
}

/** Asks the kernel of this network namespace. Holds nothing open in between. */
export class KernelFlows implements TrackedFlows {
  readonly #client: NetfilterClient;

  constructor(client: NetfilterClient) {
    this.#client = client;
  }

  async list(wish: FlowWish, options: Wait): Promise<readonly Flow[]> {
    const flows: Flow[] = [];
    for (const family of FAMILIES) {
      const destinations = wish.destinations
        .filter((address) => familyOf(address) === family)
        .map(addressBytes);
      if (destinations.length === 0) continue;
      flows.push(...(await this.#listFamily(family, destinations, { ...wish, ...options })));
    }
    return flows;
  }

  async cut(flows: readonly Flow[], { signal }: Wait): Promise<void> {
    using socket = this.#open();
    for (const [index, flow] of flows.entries()) {
      if (index % CUTS_AT_ONCE === CUTS_AT_ONCE - 1) await this.#client.pause();
      signal.throwIfAborted();
      const answer = socket.send(cutRequest(flow)) ? socket.read() : undefined;
      const errno = answer === undefined ? -1 : readCutAnswer(answer);
      if (errno !== undefined && errno !== ENOENT) {
        throw failure(`cut (errno ${errno})`);
      }
    }
  }

  async #listFamily(
    family: AddressFamily,
    destinations: readonly Uint8Array[],
    { translatedOnly, signal }: Pick<FlowWish, 'translatedOnly'> & Wait,
  ): Promise<readonly Flow[]> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      using socket = this.#open();
      const flows = socket.send(flowsRequest(family, translatedOnly))
        ? await this.#read(socket, { family, destinations, signal })
        : undefined;
      if (flows !== undefined) return flows;
    }
    throw failure('listed');
  }

  /** Undefined: the answer is of no use. */
  async #read(
    socket: NetfilterSocket,
    wish: { readonly family: AddressFamily; readonly destinations: readonly Uint8Array[] } & Wait,
  ): Promise<readonly Flow[] | undefined> {
    const all: Flow[] = [];
    for (let parts = 1; ; parts += 1) {
      if (parts % PARTS_AT_ONCE === 0) await this.#client.pause();
      wish.signal.throwIfAborted();
      const bytes = socket.read();
      if (bytes === undefined) return undefined;
      const { flows, state } = readFlowAnswer(bytes, wish.family, wish.destinations);
      if (state === 'failed') return undefined;
      all.push(...flows);
      if (state === 'done') return all;
    }
  }

  #open(): NetfilterSocket & Disposable {
    const socket = this.#client.open();
    if (socket === undefined) {
      throw failure('reached');
    }
    return {
      ...socket,
      [Symbol.dispose]: () => {
        socket.close();
      },
    };
  }
}

function failure(what: string): TrackedFlowsError {
  return new TrackedFlowsError(`the connections that the kernel tracks could not be ${what}: ${NEEDS}`);
}
