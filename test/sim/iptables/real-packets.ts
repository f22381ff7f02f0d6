import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import koffi from 'koffi';
import { formatSocketAddress } from '../../../src/domain/address.ts';
import { INTERFACES } from './traced-host.ts';
import { RealIptables } from './real-iptables.ts';
import type { SocketAddress } from '../../../src/domain/address.ts';
import type { Packet } from '../../../sim/iptables/packet.ts';

/** CLONE_NEWNET; see setns(2). */
const NETWORK = 0x4000_0000;

/** See socket(2), socket(7) and ip(7). */
const AF_INET = 2;
const TYPES = { tcp: 1, udp: 2 } as const;
const SOCK_NONBLOCK = 0x800;
const SO_BINDTODEVICE = { level: 1, name: 25 };
const SO_MARK = { level: 1, name: 36 };
const IP_TRANSPARENT = { level: 0, name: 19 };

/** How often the counters are read until a packet shows; the kernel may work on it a moment later. */
const READS_MAX = 50;

/** The IPv4 interfaces of the traced host in a namespace, with another namespace behind all of them. */
export class RealHost implements Disposable {
  readonly iptables: RealIptables;
  readonly #peers: RealIptables;

  private constructor(iptables: RealIptables, peers: RealIptables) {
    this.iptables = iptables;
    this.#peers = peers;
  }

  /** Makes the namespaces, or says why this machine cannot have them. */
  static open(): RealHost | { readonly skip: string } {
    const iptables = RealIptables.open('nft');
    if ('skip' in iptables) return iptables;
    const peers = RealIptables.open('nft');
    if ('skip' in peers) {
      iptables[Symbol.dispose]();
      return peers;
    }
    const host = new RealHost(iptables, peers);
    try {
      host.#build();
      return host;
    } catch (error) {
      host[Symbol.dispose]();
      return { skip: String(error) };
    }
  }

  /**
   * Sends the first packet of a connection over rules.
   *
   * @param texts - For iptables-restore.
   * @returns What the kernel did with it, in the words of a trace; `stopped` for dropped and rejected.
   */
  send(texts: readonly string[], packet: Packet, expected: SocketAddress | undefined): string {
    const to = expected === undefined ? '' : `-d ${expected.address} --dport ${expected.port}`;
    // The security table stands behind the filter table. The nat table would not do: it is asked only while
    // some rule needs connections, and in INPUT never for what the host itself sent.
    const security = ['*security', '-F', `-A INPUT -p ${packet.protocol} ${to}`, 'COMMIT'];
    const ways = INTERFACES.map(({ name }) => `-A POSTROUTING -o ${name} -p ${packet.protocol} ${to}`);
    this.iptables.reset(4, texts.join(''));
    const mangle = ['*mangle', '-F', ...ways, 'COMMIT', ''];
    const made = this.iptables.restore(4, [...security, ...mangle].join('\n'));
    assert.equal(made.status, 0, made.stderr);
    this.#sendFrom(packet);
    const whither = expected === undefined ? '' : ` to ${formatSocketAddress(expected)}`;
    for (let reads = 0; reads < READS_MAX; reads += 1) {
      const [input, way] = this.#seen();
      if (input) return `delivered${whither}`;
      if (way !== undefined) return `forwarded${whither} by ${way}`;
      if (expected === undefined) return 'stopped';
    }
    return 'stopped';
  }

  [Symbol.dispose](): void {
    this.#peers[Symbol.dispose]();
    this.iptables[Symbol.dispose]();
  }

  #build(): void {
    const peers = this.#peers.namespace;
    this.#run(this.iptables, 'ip link set lo up');
    for (const [index, { name, addresses }] of INTERFACES.entries()) {
      this.#run(this.iptables, `ip link add ${name} type veth peer name peer-${name} netns ${peers}`);
      for (const { address, prefix } of addresses.filter((own) => !own.address.includes(':'))) {
        this.#run(this.iptables, `ip address add ${address}/${prefix} dev ${name}`);
      }
      this.#run(this.iptables, `ip link set ${name} up`);
      const gateway = addresses[0]?.address ?? '';
      this.#run(this.#peers, `ip link set peer-${name} up`);
      this.#run(this.#peers, `ip address add 10.99.${index}.1/32 dev peer-${name}`);
      const route = `default via ${gateway} dev peer-${name} onlink metric ${index + 1}`;
      this.#run(this.#peers, `ip route add ${route}`);
    }
    this.#run(this.iptables, 'ip route add default dev eth0');
    this.#run(this.iptables, 'sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0');
  }

  #run(where: RealIptables, line: string): void {
    const end = where.run(line.split(' '));
    if (end.status !== 0) throw new Error(`${line}: ${end.stderr}`);
  }

  /** Whether a watching rule of INPUT saw a packet, and the interface of one of POSTROUTING that did. */
  #seen(): readonly [boolean, string | undefined] {
    const saved = this.iptables.run([`${this.iptables.tool(4)}-save`, '-c']).stdout;
    const hits = saved.split('\n').filter((line) => /^\[[1-9]\d*:/.test(line));
    const security = /^\*security$(?:.|\n)*?^COMMIT$/m.exec(saved)?.[0] ?? '';
    const way = hits
      .map((line) => /-A POSTROUTING .*-o (\S+) -p/.exec(line)?.[1])
      .find((name) => name !== undefined);
    return [/^\[[1-9]\d*:\d+\] -A INPUT /m.test(security), way];
  }

  #sendFrom({ origin, protocol, source, destination, mark = 0 }: Packet): void {
    const { namespace } = origin.kind === 'interface' ? this.#peers : this.iptables;
    const libc = koffi.load(null);
    const setns = libc.func('int setns(int, int)');
    const socket = libc.func('int socket(int, int, int)');
    const setsockopt = libc.func('int setsockopt(int, int, int, const void *, uint32_t)');
    const bind = libc.func('int bind(int, const void *, uint32_t)');
    const connect = libc.func('int connect(int, const void *, uint32_t)');
    const send = libc.func('long send(int, const void *, size_t, int)');
    const close = libc.func('int close(int)');
    const home = openSync('/proc/thread-self/ns/net', 'r');
    const there = openSync(`/run/netns/${namespace}`, 'r');
    const gid = process.getegid?.() ?? 0;
    assert.equal(setns(there, NETWORK), 0);
    try {
      if (origin.kind === 'process') process.setegid?.(origin.gid);
      const fd = Number(socket(AF_INET, TYPES[protocol] | SOCK_NONBLOCK, 0));
      const set = ({ level, name }: typeof SO_MARK, value: Uint8Array): void => {
        assert.equal(setsockopt(fd, level, name, value, value.length), 0);
      };
      set(IP_TRANSPARENT, integer(1));
      set(SO_MARK, integer(mark));
      if (origin.kind === 'interface') set(SO_BINDTODEVICE, Buffer.from(`peer-${origin.name}\0`));
      assert.equal(bind(fd, socketAddress(source), 16), 0, `bind ${formatSocketAddress(source)}`);
      connect(fd, socketAddress(destination), 16);
      if (protocol === 'udp') send(fd, Buffer.from('x'), 1, 0);
      close(fd);
    } finally {
      process.setegid?.(gid);
      assert.equal(setns(home, NETWORK), 0, 'the way back');
      closeSync(home);
      closeSync(there);
    }
  }
}

function integer(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** A sockaddr_in; see ip(7). */
function socketAddress({ address, port }: SocketAddress): Uint8Array {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt16LE(AF_INET);
  bytes.writeUInt16BE(port, 2);
  for (const [index, part] of address.split('.').entries()) bytes[4 + index] = Number(part);
  return bytes;
}
