import { formatSocketAddress } from '../src/domain/address.ts';
import { answerCall } from './call.ts';
import type { SocketAddress } from '../src/domain/address.ts';
import type { Clock } from '../src/ports/clock.ts';
import type { Connection } from '../src/ports/connection.ts';
import type { Listening } from '../src/ports/listener.ts';
import type { Manners } from './call.ts';
import type { SimNetwork } from './network.ts';
import type { Trace } from './trace.ts';

/** How an endpoint treats those who dial it. */
export type Behaviour =
  | ({ readonly kind: 'accept' } & Manners)
  | { readonly kind: 'refuse' }
  /** The kernel takes the connection, the process never looks at it. */
  | { readonly kind: 'hang' }
  /** The host is gone without a word, and what it was connected to finds out by itself [P22]. */
  | { readonly kind: 'vanish' };

/** As an endpoint is that is well. */
export const WELL: Behaviour = { kind: 'accept' };

interface Entry {
  readonly at: SocketAddress;
  behaviour: Behaviour;
  listening: Listening | undefined;
}

/** The hosts of endpoints, and how each behaves. */
export class EndpointHosts {
  readonly #clock: Clock;
  readonly #network: SimNetwork;
  readonly #trace: Trace;
  readonly #entries = new Map<string, Entry>();

  constructor(dependencies: { readonly clock: Clock; readonly network: SimNetwork; readonly trace: Trace }) {
    this.#clock = dependencies.clock;
    this.#network = dependencies.network;
    this.#trace = dependencies.trace;
  }

  /** Where endpoints may be, in the order of their making. */
  get addresses(): readonly SocketAddress[] {
    return [...this.#entries.values()].map(({ at }) => at);
  }

  /** Starts a host, which accepts until told otherwise. */
  async add(at: SocketAddress): Promise<void> {
    this.#network.host([at.address]);
    const entry: Entry = { at, behaviour: { kind: 'refuse' }, listening: undefined };
    this.#entries.set(formatSocketAddress(at), entry);
    await this.behave(at, WELL);
  }

  /** Whether a host is well. */
  isWell(at: SocketAddress): boolean {
    return this.#entries.get(formatSocketAddress(at))?.behaviour === WELL;
  }

  /** Lets a host behave in another way from now on; connections it has go on as they began. */
  async behave(at: SocketAddress, behaviour: Behaviour): Promise<void> {
    const key = formatSocketAddress(at);
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.behaviour === behaviour) return;
    this.#trace.event('network', `${key} ${inWords(behaviour)}`);
    const before = entry.behaviour;
    const { listening } = entry;
    entry.behaviour = behaviour;
    entry.listening = undefined;
    await listening?.close();
    if (before.kind === 'vanish') this.#network.host([at.address]);
    switch (behaviour.kind) {
      case 'refuse':
        return;
      case 'vanish':
        this.#network.hostAt(at.address)?.leave('vanish');
        return;
      case 'hang':
        entry.listening = await this.#listen(at, () => undefined);
        return;
      case 'accept':
        entry.listening = await this.#listen(at, (connection) => {
          void answerCall({ clock: this.#clock, connection }, { greeting: key, ...behaviour });
        });
    }
  }

  async #listen(at: SocketAddress, take: (connection: Connection) => void): Promise<Listening | undefined> {
    return this.#network.hostAt(at.address)?.listen(at, take);
  }
}

function inWords(behaviour: Behaviour): string {
  switch (behaviour.kind) {
    case 'refuse':
      return 'refuses connections';
    case 'hang':
      return 'takes connections and does nothing with them';
    case 'vanish':
      return 'is gone without a word';
    case 'accept': {
      const { answersAfterMs = 0, diesAfterBytes, readsEveryMs = 0 } = behaviour;
      const late = answersAfterMs === 0 ? '' : `, answers after ${answersAfterMs} ms`;
      const dies = diesAfterBytes === undefined ? '' : `, dies after ${diesAfterBytes} bytes`;
      const slow = readsEveryMs === 0 ? '' : `, reads every ${readsEveryMs} ms`;
      return `accepts connections${late}${dies}${slow}`;
    }
  }
}
