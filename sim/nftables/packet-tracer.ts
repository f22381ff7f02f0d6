import { familyOf, isLoopback, parsePort } from '../../src/domain/address.ts';
import { HostRoutes } from '../host-routes.ts';
import { bitsOf } from './datatype.ts';
import { ConnectionTable, INVALID, inverse } from './connection-table.ts';
import { orderChains } from './order-chains.ts';
import { runChain } from './run-chain.ts';
import type { IpAddress, SocketAddress } from '../../src/domain/address.ts';
import type { Random } from '../../src/ports/random.ts';
import type { HostNetwork } from '../iptables/packet.ts';
import type { TrackedConnection } from './connection-table.ts';
import type { ChainOrder, HookedChain } from './order-chains.ts';
import type { Packet, Trace } from './packet.ts';
import type { PacketView } from './packet-view.ts';
import type { Decision } from './run-chain.ts';
import type { Hook, Ruleset } from './ruleset.ts';
import type { SimNftables } from './sim-nftables.ts';

/** When a packet's connection is looked up. See Linux, NF_IP_PRI_CONNTRACK. */
const TRACKING_PRIORITY = -200;

/**
 * When chains of type nat are asked, whatever their own priorities: these say their order alone. See Linux,
 * net/netfilter/nf_nat_proto.c, `nf_nat_ipv4_ops`.
 */
const NAT_PRIORITIES: Readonly<Record<Hook, number | undefined>> = {
  prerouting: -100,
  input: 100,
  forward: undefined,
  output: -100,
  postrouting: 100,
};

/** A verdict without its steps. */
type End = Trace extends infer T ? (T extends Trace ? Omit<T, 'steps'> : never) : never;

/** A packet on its way. */
type Traveller = { -readonly [K in keyof PacketView]: PacketView[K] } & {
  connection: TrackedConnection | undefined;
};

/**
 * Follows packets through a host as Linux does, over the tables of a simulated kernel: prerouting, routing,
 * input or forward and postrouting for what arrives; output and postrouting for what a process sends.
 *
 * Connections are tracked from packet to packet: only the first one meets chains of type nat, and answers are
 * translated back. A first packet that is dropped leaves no connection.
 *
 * @see Linux, net/netfilter/nf_nat_core.c, `nf_nat_inet_fn`; kube-proxy, proxy/nftables/helpers_test.go.
 */
export class PacketTracer {
  readonly connections = new ConnectionTable();
  readonly #nftables: Pick<SimNftables, 'ruleset' | 'nowMs'>;
  readonly #routes: HostRoutes;
  readonly #random: Random;
  #ordered: { readonly ruleset: Ruleset; readonly order: ChainOrder } | undefined;

  constructor(host: {
    readonly nftables: Pick<SimNftables, 'ruleset' | 'nowMs'>;
    readonly network: HostNetwork;
    readonly random: Random;
  }) {
    this.#nftables = host.nftables;
    this.#routes = new HostRoutes(host.network);
    this.#random = host.random;
  }

  /** Sends one packet; tells its way. */
  trace(packet: Packet): Trace {
    const steps: string[] = [];
    const way = new Way(packet, {
      order: this.#order(),
      nowMs: this.#nftables.nowMs(),
      routes: this.#routes,
      connections: this.connections,
      random: this.#random,
      log: (step) => steps.push(step),
    });
    const end = packet.from === undefined ? way.send() : way.arrive(packet.from);
    return { ...end, steps };
  }

  /** Tables in force are never changed, but replaced. */
  #order(): ChainOrder {
    const { ruleset } = this.#nftables;
    if (this.#ordered?.ruleset !== ruleset) this.#ordered = { ruleset, order: orderChains(ruleset) };
    return this.#ordered.order;
  }
}

/** What a packet meets. */
interface Surroundings {
  readonly order: ChainOrder;
  readonly nowMs: number;
  readonly routes: HostRoutes;
  readonly connections: ConnectionTable;
  readonly random: Random;
  readonly log: (step: string) => void;
}

class Way {
  readonly #around: Surroundings;
  readonly #sent: Packet;
  readonly #packet: Traveller;

  constructor(sent: Packet, around: Surroundings) {
    const { protocol, source, destination, flags = ['syn'], mark = 0 } = sent;
    const family = familyOf(destination.address);
    if (familyOf(source.address) !== family) throw new Error('a packet is of one family');
    this.#around = around;
    this.#sent = sent;
    this.#packet = {
      ...{ family, protocol, source, destination, mark, ...INVALID },
      flags: protocol === 'tcp' ? bitsIn(flags) : 0,
      inInterface: '',
      outInterface: '',
      kindOf: (address: IpAddress) => around.routes.kindOf(address).toLowerCase(),
      random: () => around.random.next(),
      nowMs: around.nowMs,
    };
  }

  arrive(inInterface: string): End {
    const { routes } = this.#around;
    if (!routes.has(inInterface)) throw new Error(`the host has no interface ${inInterface}`);
    this.#packet.inInterface = inInterface;
    const stopped = this.#hook('prerouting');
    if (stopped !== undefined) return stopped;
    const { address } = this.#packet.destination;
    if (isLoopback(address) && inInterface !== 'lo') {
      return this.#stop('dropped', `${address} is not reachable from ${inInterface}`);
    }
    if (routes.kindOf(address) !== 'UNICAST') return this.#deliver();
    const outInterface = routes.routeTo(address);
    if (outInterface === undefined) return this.#stop('rejected', `no route to ${address}`);
    this.#packet.outInterface = outInterface;
    return this.#hook('forward') ?? this.#leave();
  }

  send(): End {
    const { routes } = this.#around;
    for (const isRouted of [false, true]) {
      const { address } = this.#packet.destination;
      const outInterface = routes.routeTo(address);
      if (outInterface === undefined) return this.#stop('rejected', `no route to ${address}`);
      this.#packet.outInterface = outInterface;
      // It is routed again where a rule led it elsewhere.
      const stopped = isRouted ? undefined : this.#hook('output');
      if (stopped !== undefined) return stopped;
    }
    const left = this.#leave();
    if (this.#packet.outInterface !== 'lo' || left.verdict !== 'forwarded') return left;
    this.#packet.inInterface = 'lo';
    this.#packet.outInterface = '';
    return this.#hook('prerouting') ?? this.#deliver();
  }

  #leave(): End {
    return this.#hook('postrouting') ?? this.#arrived('forwarded', this.#packet.outInterface);
  }

  #deliver(): End {
    return this.#hook('input') ?? this.#arrived('delivered', 'lo');
  }

  #arrived(verdict: 'delivered' | 'forwarded', outInterface: string): End {
    const { connection, source, destination: to } = this.#packet;
    if (connection !== undefined) this.#around.connections.confirm(connection);
    const originalDestination = connection?.original.destination ?? to;
    return { verdict, source, to, outInterface, originalDestination };
  }

  /** Leads the packet through a hook; gives how it ends there if it does. */
  #hook(hook: Hook): End | undefined {
    const own = this.#packet.family === 4 ? 'ip' : 'ip6';
    const all = this.#around.order.get(hook) ?? [];
    const chains = all.filter(({ table: { family } }) => family === 'inet' || family === own);
    const natChains = chains.filter(({ base }) => base.type === 'nat');
    const stages: { readonly priority: number; readonly run: () => End | undefined }[] = chains
      .filter(({ base }) => base.type === 'filter')
      .map((chain) => ({ priority: chain.base.priority, run: () => this.#filter(chain) }));
    if (hook === 'prerouting' || hook === 'output') {
      stages.push({
        priority: TRACKING_PRIORITY,
        run: () => {
          this.#track();
        },
      });
    }
    const priority = NAT_PRIORITIES[hook];
    if (priority !== undefined) stages.push({ priority, run: () => this.#translate(hook, natChains) });
    stages.sort((a, b) => a.priority - b.priority);
    for (const { run } of stages) {
      const end = run();
      if (end !== undefined) return end;
    }
    return undefined;
  }

  #run(chain: HookedChain): Decision {
    return runChain({ ...chain, log: this.#around.log }, this.#packet);
  }

  #filter(chain: HookedChain): End | undefined {
    const { kind } = this.#run(chain);
    if (kind === 'reject') return { verdict: 'rejected' };
    return kind === 'drop' ? { verdict: 'dropped' } : undefined;
  }

  /** Once: what came from this host keeps its connection on `lo`. */
  #track(): undefined {
    const { connection, flags, protocol, source, destination } = this.#packet;
    if (connection !== undefined) return undefined;
    const tuple = { protocol, source, destination };
    const isOut = this.#sent.isOutOfWindow === true;
    Object.assign(this.#packet, isOut ? INVALID : this.#around.connections.track(tuple, flags));
    return undefined;
  }

  #translate(hook: Hook, chains: readonly HookedChain[]): End | undefined {
    const { connection, direction } = this.#packet;
    if (connection === undefined) return undefined;
    const side = hook === 'prerouting' || hook === 'output' ? 'destination' : 'source';
    if (direction === 'original' && !connection.decided.has(side)) {
      const end = this.#decide(connection, side, chains);
      if (end !== undefined) return end;
      connection.decided.add(side);
    }
    const now = inverse(direction === 'original' ? connection.reply : connection.original);
    this.#packet[side] = now[side];
    return undefined;
  }

  /** Asks chains until one decides. */
  #decide(
    connection: TrackedConnection,
    side: 'source' | 'destination',
    chains: readonly HookedChain[],
  ): End | undefined {
    const { connections, routes } = this.#around;
    const { inInterface, outInterface, destination, family } = this.#packet;
    for (const chain of chains) {
      const decision = this.#run(chain);
      switch (decision.kind) {
        case 'accept':
          continue;
        case 'drop':
          return { verdict: 'dropped' };
        case 'reject':
          return { verdict: 'rejected' };
        case 'dnat':
          connections.leadTo(connection, at(decision.address, decision.port, destination));
          return undefined;
        case 'redirect': {
          const address = routes.redirectedFrom(
            inInterface === '' ? undefined : inInterface,
            destination.address,
          );
          if (address === undefined)
            return this.#stop('dropped', `${inInterface} has no address to redirect to`);
          connections.leadTo(connection, at(address, decision.port, destination));
          return undefined;
        }
        case 'snat':
          connections.leaveFrom(connection, decision.address);
          return undefined;
        case 'masquerade': {
          const [address] = routes.addressesOf(outInterface, family);
          if (address === undefined)
            return this.#stop('dropped', `${outInterface} has no address to masquerade by`);
          connections.leaveFrom(connection, address);
          return undefined;
        }
      }
    }
    if (side === 'source') connections.leaveFrom(connection, connection.original.source.address);
    return undefined;
  }

  #stop(verdict: 'dropped' | 'rejected', why: string): End {
    this.#around.log(why);
    return { verdict };
  }
}

/** A rule without a port keeps the packet's own. */
function at(address: IpAddress, port: number | undefined, now: SocketAddress): SocketAddress {
  return { address, port: parsePort(port ?? now.port) ?? now.port };
}

function bitsIn(flags: readonly string[]): number {
  const bits = bitsOf('tcp_flag') ?? {};
  return flags.reduce((sum, flag) => sum | (bits[flag] ?? 0), 0);
}
