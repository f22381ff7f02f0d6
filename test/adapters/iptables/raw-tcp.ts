import assert from 'node:assert/strict';
import koffi from 'koffi';

/** See socket(2) and ip(7). */
const AF_INET = 2;
const SOCK_RAW_NONBLOCK = 3 | 0x800;
const IPPROTO_TCP = 6;

const PACKET_BYTES_MAX = 65_536;

/** Packets read at most in search of the last one. */
const READS_MAX = 1_000;

const ACK = 0x10;
const WINDOW = 0x4000;

/** Both ends of a connection over IPv4, as its own side sees them. */
export interface TcpEnds {
  readonly address: string;
  readonly port: number;
  readonly peerAddress: string;
  readonly peerPort: number;
}

/** What the peer sent last: where its bytes ended, and what it had of ours. */
export interface LastSegment {
  readonly sequenceEnd: number;
  readonly acknowledged: number;
}

/** A socket that sees every TCP segment for an address and can send any, in this thread's namespace. */
export class RawTcp implements Disposable {
  readonly #libc = koffi.load(null);
  readonly #fd: number;

  constructor(address: string) {
    const socket = this.#libc.func('int socket(int, int, int)');
    this.#fd = Number(socket(AF_INET, SOCK_RAW_NONBLOCK, IPPROTO_TCP));
    assert(this.#fd >= 0, 'a raw socket needs CAP_NET_RAW');
    const bind = this.#libc.func('int bind(int, const void *, uint32_t)');
    assert.equal(bind(this.#fd, socketAddress(address), 16), 0, `${address} must be ours`);
  }

  /** The last segment of the peer that has arrived. */
  last({ port, peerPort }: TcpEnds): LastSegment {
    const recv = this.#libc.func('long recv(int, _Out_ void *, size_t, int)');
    const buffer = Buffer.alloc(PACKET_BYTES_MAX);
    let last: LastSegment | undefined;
    for (let reads = 0; reads < READS_MAX; reads += 1) {
      const length = Number(recv(this.#fd, buffer, buffer.length, 0));
      if (length <= 0) break;
      const packet = buffer.subarray(0, length);
      const tcp = packet.subarray((packet.readUInt8(0) & 0xf) * 4);
      if (tcp.readUInt16BE(0) !== peerPort || tcp.readUInt16BE(2) !== port) continue;
      const bytes = tcp.length - (tcp.readUInt8(12) >> 4) * 4;
      last = { sequenceEnd: (tcp.readUInt32BE(4) + bytes) >>> 0, acknowledged: tcp.readUInt32BE(8) };
    }
    assert(last !== undefined, 'the peer must have sent something');
    return last;
  }

  /** Sends one byte as part of a connection, at any place of its stream. */
  send(ends: TcpEnds, sequence: number, acknowledged: number): void {
    const tcp = Buffer.alloc(21, 'x');
    tcp.writeUInt16BE(ends.port, 0);
    tcp.writeUInt16BE(ends.peerPort, 2);
    tcp.writeUInt32BE(sequence >>> 0, 4);
    tcp.writeUInt32BE(acknowledged, 8);
    tcp.writeUInt16BE(0x5000 | ACK, 12);
    tcp.writeUInt16BE(WINDOW, 14);
    tcp.writeUInt32BE(0, 16);
    tcp.writeUInt16BE(checksum(ends, tcp), 16);
    const sendto = this.#libc.func('long sendto(int, const void *, size_t, int, const void *, uint32_t)');
    assert.equal(
      Number(sendto(this.#fd, tcp, tcp.length, 0, socketAddress(ends.peerAddress), 16)),
      tcp.length,
    );
  }

  [Symbol.dispose](): void {
    this.#libc.func('int close(int)')(this.#fd);
  }
}

/** struct sockaddr_in without a port. */
function socketAddress(address: string): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt16LE(AF_INET, 0);
  bytes.set(octets(address), 4);
  return bytes;
}

/** See RFC 9293, section 3.1, with its pseudo-header. */
function checksum({ address, peerAddress }: TcpEnds, tcp: Buffer): number {
  const header = Buffer.from([...octets(address), ...octets(peerAddress), 0, IPPROTO_TCP, 0, tcp.length]);
  const all = Buffer.concat([header, tcp, Buffer.alloc(tcp.length % 2)]);
  let sum = 0;
  for (let i = 0; i < all.length; i += 2) sum += all.readUInt16BE(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function octets(address: string): readonly number[] {
  return address.split('.').map(Number);
}
