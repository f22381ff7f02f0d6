import { familyOf, isLoopback, parsePort } from '../../src/domain/address.ts';
import { HostRoutes } from '../host-routes.ts';
import { walkChains } from './walk-chains.ts';
import type { AddressFamily, IpAddress, SocketAddress } from '../../src/domain/address.ts';
import type { KernelRules } from './kernel-rules.ts';
import type { Connection, PacketView } from './matches-packet.ts';
import type { HostNetwork, Packet } from './packet.ts';
import type { AddressKind, TableName } from './rule.ts';
import type { Decision } from './walk-chains.ts';

/** A host whose rules and addresses are known. */
export interface TracedHost extends HostNetwork {
  /** The rules in force; more than one set of a family where iptables-legacy and -nft are mixed [P29]. */
  readonly rules: readonly KernelRules[];
}

/** What became of a packet. */
export type Trace = {
  /** Every rule it met that did something, in order, for messages. */
  readonly steps: readonly string[];
} & (
  | {
      /** To a socket of this host. */
      readonly verdict: 'delivered';
      readonly to: SocketAddress;
      /** What SO_ORIGINAL_DST tells. */
      readonly originalDestination: SocketAddress;
    }
  | {
      /** It leaves the host. */
      readonly verdict: 'forwarded';
      readonly to: SocketAddress;
      readonly originalDestination: SocketAddress;
      readonly outInterface: string;
    }
  /** `rejected` also where there is no route; the last step says why. */
  | { readonly verdict: 'dropped' | 'rejected' }
);

/**
 * Follows one packet through a host as Linux does: nat PREROUTING, routing, filter INPUT or FORWARD for what
 * arrives; nat OUTPUT, filter OUTPUT, and filter INPUT by way of `lo` for what a process sends.
 *
 * Pure. The nat table sees the first packet of a connection alone, and the first decision wins: what OUTPUT
 * let pass, PREROUTING does not see at `lo`. Neither the reverse path filter nor a listening socket is
 * looked at, and what the nat table says in INPUT and POSTROUTING changes the source alone.
 *
 * @see Linux, net/netfilter/nf_nat_core.c, nf_nat_inet_fn; kube-proxy, proxy/nftables/helpers_test.go.
 */
export function tracePacket(host: TracedHost, packet: Packet): Trace {
  return new Tracer(host, packet).trace();
}

/** A verdict without its steps. */
type End = Trace extends infer T ? (T extends Trace ? Omit<T, 'steps'> : never) : never;

class Tracer {
  readonly #host: TracedHost;
  readonly #routes: HostRoutes;
  readonly #packet: Packet;
  readonly #family: AddressFamily;
  readonly #steps: string[] = [];

  constructor(host: TracedHost, packet: Packet) {
    this.#host = host;
    this.#routes = new HostRoutes(host);
    this.#packet = packet;
    this.#family = familyOf(packet.destination.address);
    if (familyOf(packet.source.address) !== this.#family) throw new Error('a packet is of one family');
  }

  trace(): Trace {
    const { origin } = this.#packet;
    const end = origin.kind === 'interface' ? this.#arrive(origin.name) : this.#send(origin);
    return { ...end, steps: this.#steps };
  }

  #arrive(inInterface: string): End {
    if (!this.#routes.has(inInterface)) throw new Error(`the host has no interface ${inInterface}`);
    const at = { inInterface, outInterface: undefined, owner: undefined };
    const to = this.#translate('PREROUTING', at);
    if (to === undefined) return { verdict: 'dropped' };
    if (isLoopback(to.address) && inInterface !== 'lo') {
      return this.#stop('dropped', `${to.address} is not reachable from ${inInterface}`);
    }
    if (this.#routes.kindOf(to.address) !== 'UNICAST') return this.#deliver(to, inInterface);
    const outInterface = this.#routes.routeTo(to.address);
    if (outInterface === undefined) return this.#stop('rejected', `no route to ${to.address}`);
    const decision = this.#filter('FORWARD', to, { ...at, outInterface });
    return decision ?? { verdict: 'forwarded', ...this.#ends(to), outInterface };
  }

  #send(owner: { readonly uid: number; readonly gid: number }): End {
    const wanted = this.#packet.destination.address;
    const outInterface = this.#routes.routeTo(wanted);
    if (outInterface === undefined) return this.#stop('rejected', `no route to ${wanted}`);
    const at = { inInterface: undefined, outInterface, owner };
    const to = this.#translate('OUTPUT', at);
    if (to === undefined) return { verdict: 'dropped' };
    // The filter table sees the interface of the first routing, though the packet is routed again.
    const decision = this.#filter('OUTPUT', to, at);
    if (decision !== undefined) return decision;
    const way = this.#routes.routeTo(to.address);
    if (way === undefined) return this.#stop('rejected', `no route to ${to.address}`);
    return way === 'lo'
      ? this.#deliver(to, 'lo')
      : { verdict: 'forwarded', ...this.#ends(to), outInterface: way };
  }

  #deliver(to: SocketAddress, inInterface: string): End {
    const at = { inInterface, outInterface: undefined, owner: undefined };
    return this.#filter('INPUT', to, at) ?? { verdict: 'delivered', ...this.#ends(to) };
  }

  /** Where the nat table leads the packet; undefined where it drops it. */
  #translate(hook: 'PREROUTING' | 'OUTPUT', at: Position): SocketAddress | undefined {
    const tracked = this.#packet.tracked ?? { state: 'NEW' };
    const { destination } = this.#packet;
    if (tracked.state === 'INVALID') return destination;
    if (tracked.state !== 'NEW') return tracked.translatedTo ?? destination;
    for (const decision of this.#walk('nat', hook, destination, at)) {
      switch (decision.kind) {
        case 'drop':
        case 'reject':
          return undefined;
        case 'DNAT':
          return { address: decision.to.address, port: portOf(decision.to.port, destination) };
        case 'REDIRECT':
          return this.#redirect(decision.port, at.inInterface);
        case 'accept':
          continue;
      }
    }
    return destination;
  }

  #redirect(port: number | undefined, inInterface: string | undefined): SocketAddress | undefined {
    const { destination } = this.#packet;
    const address = this.#routes.redirectedFrom(inInterface, destination.address);
    if (address !== undefined) return { address, port: portOf(port, destination) };
    this.#steps.push(`${inInterface ?? 'lo'} has no address to redirect to`);
    return undefined;
  }

  /** What the filter table does to the packet; undefined lets it pass. */
  #filter(hook: 'INPUT' | 'FORWARD' | 'OUTPUT', to: SocketAddress, at: Position): End | undefined {
    for (const { kind } of this.#walk('filter', hook, to, at)) {
      if (kind === 'drop') return { verdict: 'dropped' };
      if (kind === 'reject') return { verdict: 'rejected' };
    }
    return undefined;
  }

  /** The decision of each set of rules in turn. */
  *#walk(table: TableName, chain: string, to: SocketAddress, at: Position): Generator<Decision> {
    const view = this.#view(to, at);
    for (const rules of this.#host.rules) {
      if (rules.family !== this.#family) continue;
      yield walkChains({ table, chain, chains: rules.chains(table) }, view, (step) => this.#steps.push(step));
    }
  }

  #view(destination: SocketAddress, at: Position): PacketView {
    const { protocol, source, mark = 0, flags = ['SYN'] } = this.#packet;
    const kindOf = (address: IpAddress): AddressKind => this.#routes.kindOf(address);
    return {
      protocol,
      source,
      destination,
      mark,
      flags,
      ...at,
      connection: this.#connection(destination),
      kindOf,
    };
  }

  #connection(now: SocketAddress): Connection | undefined {
    const { tracked = { state: 'NEW' }, destination } = this.#packet;
    if (tracked.state === 'INVALID') return undefined;
    const isTranslated = now.address !== destination.address || now.port !== destination.port;
    return { state: tracked.state, originalDestination: destination, isTranslated };
  }

  #ends(to: SocketAddress): { readonly to: SocketAddress; readonly originalDestination: SocketAddress } {
    return { to, originalDestination: this.#packet.destination };
  }

  #stop(verdict: 'dropped' | 'rejected', why: string): End {
    this.#steps.push(why);
    return { verdict };
  }
}

/** Where a packet stands. */
type Position = Pick<PacketView, 'inInterface' | 'outInterface' | 'owner'>;

/** A rule without a port, or with port 0, keeps the packet's own. */
function portOf(port: number | undefined, destination: SocketAddress): SocketAddress['port'] {
  return parsePort(port ?? destination.port) ?? destination.port;
}
