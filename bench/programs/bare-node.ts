/**
 * The ceiling of new connections that Node allows: accepts, dials the endpoint, answers by itself, and closes
 * both. It relays nothing.
 *
 * Usage: bare-node.ts LISTEN-ADDRESS LISTEN-PORT ENDPOINT-ADDRESS ENDPOINT-PORT
 */
import { connect, createServer } from 'node:net';

const BACKLOG = 4_096;
const ANSWER = 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 6\r\n\r\nhello\n';

const [host = '', port = '', toHost = '', toPort = ''] = process.argv.slice(2);

const server = createServer((downstream) => {
  const upstream = connect(Number(toPort), toHost, () => {
    upstream.end();
    downstream.once('data', () => downstream.end(ANSWER));
  });
  upstream.on('error', () => downstream.destroy());
  downstream.on('error', () => upstream.destroy());
});
server.listen({ host, port: Number(port), backlog: BACKLOG });
