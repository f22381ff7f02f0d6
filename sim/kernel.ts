import { parseIpAddress, parsePort } from '../src/domain/address.ts';
import { SimIptables } from './iptables/sim-iptables.ts';
import { tracePacket } from './iptables/trace-packet.ts';
import { SimLinks } from './netlink/sim-links.ts';
import type { IpAddress, SocketAddress } from '../src/domain/address.ts';
import type { SimEngine } from './docker/sim-engine.ts';
import type { ForeignProgram } from './iptables/foreign-rules.ts';
import type { HostInterface } from './iptables/packet.ts';
import type { Led } from './network.ts';

/** The bridge of Docker's default network; the others are named after their network's id. */
const DEFAULT_BRIDGE = 'docker0';
const BRIDGE_ID_LENGTH = 12;

const PREFIX_BITS = 16;

/** A port nobody has rules of their own for. */
const PROBE_PORT = 6_379;

/**
 * The kernel of the simulated host, as far as it leads connections: its rules, its bridges, and the messages
 * of its interfaces. Where a connection goes is decided by following its first packet through the rules.
 */
export class SimKernel {
  readonly iptables = new SimIptables();
  readonly links = new SimLinks();
  /** Where embassy listens. */
  readonly listener: SocketAddress;
  readonly #engine: SimEngine;
  /** Where packets of one bridge and port go, as of one version of the rules. */
  readonly #known = new Map<string, Led>();
  #knownVersion = -1;
  #changes = 0;
  #isMute = false;

  constructor(
    dependencies: { readonly engine: SimEngine },
    { listener }: { readonly listener: SocketAddress },
  ) {
    this.#engine = dependencies.engine;
    this.listener = listener;
  }

  /** Differs after each change of the rules. */
  get version(): number {
    return this.iptables.writes + this.#changes;
  }

  /** Empties all tables [P27]. */
  wipe(): void {
    this.iptables.tables[4].wipe();
    this.#changes += 1;
  }

  /** Another program starts anew: all tables are emptied, and its rules written. */
  restartFirewall(program: ForeignProgram): void {
    this.wipe();
    this.iptables.startForeign(program);
    this.#changes += 1;
  }

  /** Tells or keeps to itself that interfaces go. */
  setMute(isMute: boolean): void {
    this.#isMute = isMute;
  }

  /** The veth of a container that ended is gone, or that of one of its networks. */
  loseInterface(): void {
    if (!this.#isMute) this.links.tell('removed');
  }

  /** Where a connection from a container to an address of this host goes. */
  lead(from: SocketAddress, to: SocketAddress): Led {
    const { interfaces } = this;
    const network = from.address.split('.').slice(0, 2).join('.');
    const bridge = interfaces.find(({ addresses }) => addresses[0]?.address.startsWith(`${network}.`));
    return bridge === undefined ? { kind: 'rejected' } : this.#leadFrom(bridge.name, from, to);
  }

  /** Where what is dialled at the virtual IP goes from each bridge. */
  probe(): readonly { readonly name: string; readonly led: Led }[] {
    const { port } = socket(this.listener.address, PROBE_PORT);
    return this.interfaces.map(({ name, addresses }) => {
      const own = addresses[0]?.address ?? '';
      const from = socket(own.replace(/[0-9]+$/, '2'), PROBE_PORT);
      return { name, led: this.#leadFrom(name, from, { address: this.listener.address, port }) };
    });
  }

  /** The count of jumps to a chain from where packets arrive. */
  jumpsTo(chain: string): number {
    const rules = this.iptables.tables[4].chains('nat').get('PREROUTING')?.rules ?? [];
    return rules.filter(({ target }) => target.kind === 'jump' && target.chain === chain).length;
  }

  /** The bridges of the host. */
  get interfaces(): readonly HostInterface[] {
    return [...this.#engine.networks.values()].flatMap(({ name, id, pool }) => {
      const address = pool === undefined ? undefined : parseIpAddress(pool.gateway);
      if (address === undefined) return [];
      const bridge = name === 'bridge' ? DEFAULT_BRIDGE : `br-${id.slice(0, BRIDGE_ID_LENGTH)}`;
      return [{ name: bridge, addresses: [{ address, prefix: PREFIX_BITS }] }];
    });
  }

  #leadFrom(bridge: string, source: SocketAddress, destination: SocketAddress): Led {
    if (this.#knownVersion !== this.version) {
      this.#known.clear();
      this.#knownVersion = this.version;
    }
    const key = `${bridge} ${destination.port}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const host = this.iptables.tracedHost({ interfaces: this.interfaces });
    const origin = { kind: 'interface', name: bridge } as const;
    const trace = tracePacket(host, { protocol: 'tcp', source, destination, origin });
    const led = ledBy(trace);
    this.#known.set(key, led);
    return led;
  }
}

function ledBy(trace: ReturnType<typeof tracePacket>): Led {
  switch (trace.verdict) {
    case 'delivered':
    case 'forwarded':
      return { kind: 'to', at: trace.to };
    case 'dropped':
      return { kind: 'lost' };
    case 'rejected':
      return { kind: 'rejected' };
  }
}

function socket(text: IpAddress | string, number: number): SocketAddress {
  const [address, port] = [parseIpAddress(text), parsePort(number)];
  if (address === undefined || port === undefined) throw new Error(`not an address: ${text}`);
  return { address, port };
}
