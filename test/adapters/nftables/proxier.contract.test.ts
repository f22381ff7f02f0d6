import { once } from 'node:events';
import { BoundSocket, createServer } from 'node:net';
import { MemoryLog } from '../../../sim/log.ts';
import { SimClock } from '../../../sim/clock.ts';
import { createNetfilterClient } from '../../../src/adapters/netlink/client.ts';
import { KernelFlows } from '../../../src/adapters/netlink/kernel-flows.ts';
import { KernelRuleHandles } from '../../../src/adapters/netlink/kernel-rule-handles.ts';
import { nftablesClient } from '../../../src/adapters/nftables/client.ts';
import { NftablesProxier } from '../../../src/adapters/nftables/nftables-proxier.ts';
import { NftablesRedirector } from '../../../src/adapters/nftables/nftables-redirector.ts';
import { ProxierPair } from '../../../src/app/proxier-pair.ts';
import { formatSocketAddress } from '../../../src/domain/address.ts';
import { describeProxierContract } from '../../contracts/proxier.contract.ts';
import { address, port } from '../../support/endpoints.ts';
import { BRIDGE, CAPTURE, openCapturedHost, VIRTUAL_IP } from '../../support/captured-host.ts';
import { nodeProxierWorld } from '../../support/node-proxier-world.ts';
import { settle } from '../../support/settle.ts';
import { NOTHING_PUBLISHED } from '../../../src/domain/published-port.ts';
import type { Socket } from 'node:net';
import type { Proxier } from '../../../src/ports/proxier.ts';
import type { NetworkNamespaces } from '../../support/network-namespaces.ts';
import type { EndpointServer, OverlaidPlane } from '../../support/node-proxier-world.ts';
import type { NoWorld, ProxierWorld } from '../../support/proxier-world.ts';

describeProxierContract('NftablesProxier over UserspaceProxier, on the kernel,', kernelWorld);

/**
 * Consumers and endpoints behind one interface of a host without iptables, whose kernel leads the ones to the
 * others, or to the listener.
 */
async function kernelWorld(): Promise<ProxierWorld | NoWorld> {
  const host = openCapturedHost({
    beyond: ['10.99.64.0/18'],
    writesRule: false,
    prepare: ({ run }) => {
      run('sysctl', '-q', '-w', 'net.ipv4.ip_forward=1', `net.ipv4.conf.${BRIDGE}.send_redirects=0`);
      run('nft', 'list', 'tables');
    },
  });
  if ('skip' in host) return host;
  const { namespaces, place } = host;
  const redirector = new NftablesRedirector({ client: nftablesClient(), log: new MemoryLog() });
  await redirector.ensure(CAPTURE, { signal: new AbortController().signal });
  return nodeProxierWorld({
    ...place,
    endpointsAt: address('10.99.64.1'),
    serve: async (at) => greeter(namespaces, at),
    over: (userspace) => overlaid(namespaces, userspace),
  });
}

/** The plane in the kernel over the other, as a daemon with `--proxier=nftables` has them. */
function overlaid(namespaces: NetworkNamespaces, userspace: Proxier): OverlaidPlane {
  const clock = new SimClock(settle);
  const kernel = new NftablesProxier(
    {
      client: nftablesClient(),
      flows: new KernelFlows(createNetfilterClient()),
      clock,
      log: new MemoryLog(),
      host: () => HOST,
      published: () => NOTHING_PUBLISHED,
      handles: new KernelRuleHandles(createNetfilterClient()),
    },
    {
      virtualIps: [VIRTUAL_IP],
      interfaces: () => [BRIDGE],
      endpointDrainMs: 60_000,
      keepsRules: () => false,
      countsBytes: false,
    },
  );
  return {
    proxier: new ProxierPair({ kernel, userspace }),
    leftovers: async () => {
      const tables = namespaces.run('nft', 'list', 'tables');
      // While it is open it holds its table, and looks after it.
      const isOpen = /embassy$/m.test(tables) && clock.pendingTimers > 0;
      if (isOpen) return Promise.resolve([]);
      const table = /embassy$/m.test(tables) ? ['the table of embassy'] : [];
      return Promise.resolve([
        ...table,
        ...(clock.pendingTimers > 0 ? [`${clock.pendingTimers} timers`] : []),
      ]);
    },
  };
}

const HOST = {
  isLocal: (at: string): boolean => at === VIRTUAL_IP,
  interfaceTowards: (): string => BRIDGE,
};

/** An endpoint on the consumers' side, which says who it is and returns what it gets. */
async function greeter(
  namespaces: NetworkNamespaces,
  at: { readonly address: ReturnType<typeof address>; readonly port: number },
): Promise<EndpointServer> {
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    socket.on('error', () => undefined);
    socket.write(`${formatSocketAddress({ address: at.address, port: port(at.port) })}\n`);
    socket.pipe(socket);
  });
  const bound = namespaces.asConsumer(() => new BoundSocket({ host: at.address, port: at.port }));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(bound, 512, resolve);
  });
  return {
    get openConnections() {
      return open.size;
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.resetAndDestroy();
      server.close();
      await once(server, 'close');
    },
  };
}
