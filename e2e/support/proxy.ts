import { once } from 'node:events';
import net from 'node:net';
import { until } from './until.ts';

/** An address of a server: a socket file, or a port of a host. */
export type ServerAddress = { readonly path: string } | { readonly host: string; readonly port: number };

const RELEASE_TIMEOUT_MS = 5_000;

/**
 * A wire between a client of this process and a real server, which can be cut and mended without a word to
 * either: for contracts of adapters whose server must not be touched, or is shared.
 */
export class Proxy implements AsyncDisposable {
  private readonly target: ServerAddress;
  private readonly sockets = new Set<net.Socket>();
  private server: net.Server | undefined;
  private listening: ServerAddress;

  private constructor(listen: ServerAddress, target: ServerAddress) {
    this.listening = listen;
    this.target = target;
  }

  /** @param listen - port 0 takes a free one, and the same again after a repair */
  static async start(listen: ServerAddress, target: ServerAddress): Promise<Proxy> {
    const proxy = new Proxy(listen, target);
    await proxy.repair();
    return proxy;
  }

  get address(): ServerAddress {
    return this.listening;
  }

  /** The connections that clients hold now. */
  get open(): number {
    return this.sockets.size;
  }

  /** How many connections clients still hold when they had time to close them. */
  async held(): Promise<number> {
    const none = (): true | undefined => this.open === 0 || undefined;
    await until('clients to close their connections', none, { timeoutMs: RELEASE_TIMEOUT_MS }).catch(
      () => undefined,
    );
    return this.open;
  }

  /** Ends every connection at once; new ones still come through. */
  drop(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  /** Ends every connection and refuses new ones until `repair`. */
  async cut(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    if (server === undefined) return;
    const closed = once(server, 'close');
    server.close();
    this.drop();
    await closed;
  }

  async repair(): Promise<void> {
    if (this.server !== undefined) return;
    const server = net.createServer({ allowHalfOpen: true }, (socket) => {
      this.join(socket);
    });
    server.listen(this.listening);
    await once(server, 'listening');
    const bound = server.address();
    if (bound !== null && typeof bound === 'object') {
      this.listening = { host: bound.address, port: bound.port };
    }
    this.server = server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cut();
  }

  private join(downstream: net.Socket): void {
    const upstream = net.connect({ ...this.target, allowHalfOpen: true });
    this.sockets.add(downstream);
    downstream.once('close', () => {
      this.sockets.delete(downstream);
      upstream.destroy();
    });
    upstream.once('close', () => {
      downstream.destroy();
    });
    for (const socket of [downstream, upstream]) socket.on('error', () => undefined);
    downstream.pipe(upstream);
    upstream.pipe(downstream);
  }
}
