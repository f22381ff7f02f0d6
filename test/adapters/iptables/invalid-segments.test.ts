import assert from 'node:assert/strict';
import { once } from 'node:events';
import { BoundSocket, Socket, createServer } from 'node:net';
import { MemoryLog } from '../../../sim/log.ts';
import { iptablesClient } from '../../../src/adapters/iptables/client.ts';
import { IptablesRedirector } from '../../../src/adapters/iptables/iptables-redirector.ts';
import { RedirectorError } from '../../../src/ports/redirector.ts';
import { openNetworkNamespaces } from '../../support/network-namespaces.ts';
import { captureOf } from '../../support/capture-of.ts';
import { NamespaceHost } from './namespace-host.ts';
import { RawTcp } from './raw-tcp.ts';
import type { AddressInfo } from 'node:net';
import type { IptablesKind } from '../../../src/adapters/iptables/iptables-client.ts';
import type { NetworkNamespaces } from '../../support/network-namespaces.ts';

const { signal } = new AbortController();

const VIRTUAL_IP = '10.99.0.1';
const CONSUMER = '10.99.128.1';

/** Far out of every window. */
const FAR = 0x2000_0000;

const KINDS: readonly IptablesKind[] = ['nft', 'legacy'];

describe('IptablesRedirector on the kernel, over a connection', () => {
  for (const kind of KINDS) {
    const program = `iptables-${kind}` as const;
    it(`[P23] ${program}: no far segment resets, as one would without our rule`, async function () {
      const host = await NamespaceHost.open(kind);
      if ('skip' in host) {
        if (this.test !== undefined) this.test.title += ` (skipped: ${host.skip})`;
        return this.skip();
      }
      await host[Symbol.asyncDispose]();
      assert.equal(await afterFarSegment(program, () => undefined), 'alive');
      const flush = ({ run }: NetworkNamespaces): string => run(program, '-w', '-F', 'EMBASSY-INVALID');
      assert.equal(await afterFarSegment(program, flush), 'ECONNRESET', 'the kernel must need the rule');
    });
  }
});

/** Captures a connection, sends a segment out of its window, and tells how the consumer finds it then. */
async function afterFarSegment(
  program: `iptables-${IptablesKind}`,
  change: (namespaces: NetworkNamespaces) => unknown,
): Promise<string> {
  using namespaces = openNetworkNamespaces({
    bridge: 'docker0',
    virtualIp: VIRTUAL_IP,
    network: '10.99.0.0/16',
    beyond: ['10.99.128.0/17'],
  });
  const echo = await echoServer();
  try {
    const capture = captureOf(['docker0'], [VIRTUAL_IP]);
    const client = iptablesClient();
    const version = async (asked: string): Promise<string> => {
      if (asked !== 'iptables') throw new RedirectorError('no-command', 'one variant', { hint: '' });
      return client.version(program, { signal });
    };
    const redirector = new IptablesRedirector({
      client: {
        version,
        save: (place, options) => client.save({ ...place, program }, options),
        restore: (place, text, options) => client.restore({ ...place, program }, text, options),
      },
      log: new MemoryLog(),
    });
    await redirector.ensure(capture, { signal });
    change(namespaces);
    return await afterFarSegmentTo(80, namespaces);
  } finally {
    echo[Symbol.dispose]();
  }
}

async function afterFarSegmentTo(port: number, { asConsumer }: NetworkNamespaces): Promise<string> {
  using raw = asConsumer(() => new RawTcp(CONSUMER));
  const socket = asConsumer(() => new Socket({ handle: new BoundSocket({ host: CONSUMER }) }));
  try {
    socket.connect({ host: VIRTUAL_IP, port });
    await once(socket, 'data', { signal });
    const { port: own } = socket.address() as AddressInfo;
    const ends = { address: CONSUMER, port: own, peerAddress: VIRTUAL_IP, peerPort: port };
    const { sequenceEnd, acknowledged } = raw.last(ends);
    raw.send(ends, acknowledged + FAR, sequenceEnd);
    socket.write('still there?');
    await once(socket, 'data', { signal });
    return 'alive';
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  } finally {
    socket.destroy();
  }
}

/**
 * Greets whoever connects, and sends back what it gets. What it accepted ends with it: the network that would
 * bring the peer's end is gone by then.
 */
async function echoServer(): Promise<Disposable> {
  const accepted = new Set<Socket>();
  const server = createServer((socket) => {
    accepted.add(socket);
    socket.on('error', () => undefined);
    socket.write('hello');
    socket.pipe(socket);
  });
  server.listen(9999, VIRTUAL_IP);
  await once(server, 'listening');
  return {
    [Symbol.dispose]: () => {
      for (const socket of accepted) socket.destroy();
      server.close();
    },
  };
}
