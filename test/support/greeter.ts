import { formatSocketAddress } from '../../src/domain/address.ts';
import type { Endpoint } from '../../src/domain/endpoint.ts';
import type { Connection } from '../../src/ports/connection.ts';
import type { Listener, Listening } from '../../src/ports/listener.ts';

/**
 * An endpoint that says who it is in its first line, then returns what it gets until the peer's end.
 */
export class Greeter implements AsyncDisposable {
  readonly #open = new Set<Connection>();
  #listening: Listening | undefined;

  /** The count of connections that are open here. */
  get openConnections(): number {
    return this.#open.size;
  }

  async open(listener: Listener, at: Endpoint): Promise<void> {
    this.#listening = await listener.listen(at, (connection) => {
      this.#open.add(connection);
      void connection.closed.then(() => this.#open.delete(connection));
      void greet(connection, formatSocketAddress(at));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#listening?.close();
    for (const connection of this.#open) connection.reset();
  }
}

async function greet(connection: Connection, name: string): Promise<void> {
  try {
    await connection.write(Buffer.from(`${name}\n`));
    for (let chunk = await connection.read(); chunk !== undefined; chunk = await connection.read()) {
      await connection.write(chunk);
    }
    connection.shutdownWrite();
  } catch {
    // The peer is gone; so is the echo.
  }
}
