import { createServer, request } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { answerQuestion } from '../../sim/marathon/answer-question.ts';
import { CUT } from '../../sim/marathon/marathon-cluster.ts';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { MarathonCluster } from '../../sim/marathon/marathon-cluster.ts';
import type { SelfSigned } from './self-signed.ts';

/** A simulated cluster of Marathon behind real HTTP: one server on loopback for each master. */
export class MarathonServers implements AsyncDisposable {
  readonly #servers: readonly Server[];
  /** The Authorization header of each question, in order. */
  readonly authorizations: (string | undefined)[] = [];

  private constructor(servers: readonly Server[]) {
    this.#servers = servers;
  }

  /** Starts a server for each master, over TLS where it is given a certificate. */
  static async start(cluster: MarathonCluster, tls?: SelfSigned): Promise<MarathonServers> {
    const servers = cluster.masters.map(() => (tls === undefined ? createServer() : createTlsServer(tls)));
    for (const server of servers) {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    }
    const made = new MarathonServers(servers);
    for (const [master, server] of servers.entries()) {
      server.on('request', (asked, response) => {
        made.authorizations.push(asked.headers.authorization);
        made.#serve(cluster, master, asked, response);
      });
    }
    cluster.onPost((url, data) => {
      const posting = request(url, { method: 'POST' });
      posting.on('error', () => undefined);
      posting.end(data);
    });
    return made;
  }

  /** `host:port` of each master. */
  get masters(): readonly string[] {
    return this.#servers.map((server) => `127.0.0.1:${(server.address() as AddressInfo).port}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  #serve(cluster: MarathonCluster, master: number, asked: IncomingMessage, response: ServerResponse): void {
    const { url = '/', method = 'GET' } = asked;
    if (cluster.masters[master]?.health === 'down') {
      asked.socket.destroy();
      return;
    }
    const isEvents = url.startsWith('/v2/events') && (!cluster.redirects || master === cluster.leader);
    if (isEvents && cluster.masters[master]?.health === 'up' && !cluster.isForbidden) {
      this.#stream(cluster, master, response);
      return;
    }
    const name = (each: number): string => this.masters[each] ?? '';
    const answer = answerQuestion(cluster, { master, method, path: url }, name);
    // One that is silent keeps the question.
    if (answer === undefined) return;
    const location = answer.location === undefined ? {} : { location: answer.location };
    response.writeHead(answer.status, { 'content-type': answer.contentType, ...location }).end(answer.text);
  }

  #stream(cluster: MarathonCluster, master: number, response: ServerResponse): void {
    if (cluster.way !== 'stream') {
      response.writeHead(405).end();
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    const leave = cluster.hear(master, (data) => {
      if (data === CUT) response.destroy();
      else if (data === undefined) response.write('\r\n');
      else
        response.write(
          `event: ${(JSON.parse(data) as { eventType: string }).eventType}\r\ndata: ${data}\r\n\r\n`,
        );
    });
    response.once('close', leave);
  }
}
