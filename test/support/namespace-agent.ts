import { createSocket } from 'node:dgram';
import { createConnection, createServer } from 'node:net';
import { createInterface } from 'node:readline';

/**
 * Does as it is told within the network namespace it was started in, one line of JSON an order, one an
 * answer: serves a name over TCP and UDP, asks who serves an address, or holds a connection open.
 */
interface Order {
  readonly id: number;
  readonly what: 'serve' | 'ask' | 'ask-udp' | 'hold' | 'touch' | 'touch-udp';
  readonly address: string;
  readonly port: number;
  /** Of the server, or of the held connection. */
  readonly name: string;
  readonly times: number;
}

const TIMEOUT_MS = 1_500;
const heldUdp = new Map<string, ReturnType<typeof createSocket>>();
const held = new Map<string, ReturnType<typeof createConnection>>();

createInterface({ input: process.stdin }).on('line', (line) => {
  const order = JSON.parse(line) as Order;
  void obey(order).then((answer) => {
    process.stdout.write(`${JSON.stringify({ id: order.id, answer })}\n`);
  });
});

async function obey(order: Order): Promise<unknown> {
  switch (order.what) {
    case 'serve':
      return serve(order);
    case 'ask': {
      const answers: string[] = [];
      for (let n = 0; n < order.times; n += 1) answers.push(await ask(order));
      return answers;
    }
    case 'ask-udp': {
      const answers: string[] = [];
      for (let n = 0; n < order.times; n += 1) answers.push(await askUdp(order));
      return answers;
    }
    case 'hold':
      return hold(order);
    case 'touch':
      return touch(order);
    case 'touch-udp':
      return touchUdp(order);
  }
}

async function serve({ address, port, name }: Order): Promise<string> {
  const tcp = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write(`${name} ${socket.remoteAddress ?? ''}\n`);
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => tcp.listen(port, address, resolve));
  const udp = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  udp.on('message', (_message, from) => {
    udp.send(`${name} ${from.address}`, from.port, from.address);
  });
  await new Promise<void>((resolve) => udp.bind(port, address, resolve));
  return 'serving';
}

/** Who answered and whom it saw, or why nobody did. */
async function ask({ address, port }: Order): Promise<string> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: address, port, timeout: TIMEOUT_MS });
    socket.once('timeout', () => {
      resolve('timeout');
      socket.destroy();
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code ?? 'error');
    });
    socket.once('data', (data) => {
      resolve(data.toString().trim());
      socket.end();
    });
  });
}

/** Who answered and whom it saw, or the error that says nobody does. */
async function askUdp({ address, port }: Order): Promise<string> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  const answer = await new Promise<string>((resolve) => {
    socket.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code ?? 'error');
    });
    socket.once('message', (message) => {
      resolve(message.toString());
    });
    socket.connect(port, address, () => {
      socket.send('?');
    });
  });
  socket.close();
  return answer;
}

/** Sends a datagram by a socket that is kept under a name; the answer, or the error that says nobody does. */
async function touchUdp({ name, address, port }: Order): Promise<string> {
  const socket = heldUdp.get(name) ?? createSocket(address.includes(':') ? 'udp6' : 'udp4');
  if (!heldUdp.has(name)) {
    await new Promise<void>((resolve) => {
      socket.connect(port, address, resolve);
    });
  }
  heldUdp.set(name, socket);
  return new Promise((resolve) => {
    for (const event of ['error', 'message']) socket.removeAllListeners(event);
    socket.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code ?? 'error');
    });
    socket.once('message', (message) => {
      resolve(message.toString());
    });
    socket.send('?');
  });
}

async function hold({ address, port, name }: Order): Promise<string> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: address, port, timeout: TIMEOUT_MS });
    held.set(name, socket);
    socket.on('error', () => undefined);
    socket.once('close', () => {
      resolve('closed');
    });
    socket.once('data', (data) => {
      resolve(data.toString().trim());
    });
  });
}

/** Sends a word over a held connection: it comes back, or the connection is dead. */
async function touch({ name }: Order): Promise<string> {
  const socket = held.get(name);
  if (socket === undefined) return 'unknown';
  return new Promise((resolve) => {
    if (socket.destroyed) {
      resolve('closed');
      return;
    }
    socket.once('timeout', () => {
      resolve('timeout');
    });
    socket.once('close', () => {
      resolve('closed');
    });
    socket.once('data', () => {
      resolve('alive');
    });
    socket.write('x');
  });
}
