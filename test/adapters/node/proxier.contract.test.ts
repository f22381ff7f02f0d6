import { describeProxierContract } from '../../contracts/proxier.contract.ts';
import { openNetworkNamespaces } from '../../support/network-namespaces.ts';
import { addressIn, nodeProxierWorld } from '../../support/node-proxier-world.ts';
import { address, port } from '../../support/endpoints.ts';
import type { NoWorld, ProxierWorld } from '../../support/proxier-world.ts';

/** Above this are no ports that a kernel gives to diallers. */
const OFFSET = 20_000;

/** A /24 of loopback that is this process's alone, so that two runs don't meet. */
const OWN = `127.83.${process.pid % 250}`;

const VIRTUAL_IP = address('10.99.0.1');
const LISTENER = { address: VIRTUAL_IP, port: port(9_999) };

describeProxierContract('UserspaceProxier, listening, on real sockets,', async () =>
  nodeProxierWorld({
    listen: { kind: 'direct', address: address(`${OWN}.1`), offset: OFFSET },
    virtualIp: address(`${OWN}.1`),
    endpointsAt: address(`${OWN}.2`),
    consumer: (n) => addressIn('127.84', n),
    socket: (make) => make(),
    leave: () => undefined,
  }),
);

describeProxierContract('UserspaceProxier, captured by a DNAT rule, on real sockets,', capturedWorld);

async function capturedWorld(): Promise<ProxierWorld | NoWorld> {
  if (process.platform !== 'linux') return { skip: 'network namespaces are of Linux' };
  if (process.getuid?.() !== 0) return { skip: 'a network namespace needs root' };
  let namespaces;
  try {
    namespaces = openNetworkNamespaces({
      bridge: 'docker0',
      virtualIp: VIRTUAL_IP,
      network: '10.99.0.0/16',
      beyond: ['10.99.128.0/17'],
    });
  } catch (error) {
    return { skip: String(error) };
  }
  const { asConsumer } = namespaces;
  const leave = (): void => {
    namespaces[Symbol.dispose]();
  };
  try {
    const rule = ['PREROUTING', '-i', 'docker0', '-d', VIRTUAL_IP, '-p', 'tcp', '-j', 'DNAT'];
    const to = ['--to-destination', `${LISTENER.address}:${LISTENER.port}`];
    namespaces.run('iptables', '-w', '-t', 'nat', '-A', ...rule, ...to);
  } catch (error) {
    leave();
    return { skip: `no iptables here: ${String(error)}` };
  }
  return nodeProxierWorld({
    listen: { kind: 'captured', at: [LISTENER] },
    virtualIp: VIRTUAL_IP,
    endpointsAt: address('127.0.0.2'),
    consumer: (n) => addressIn('10.99', n + 250 * 128),
    socket: asConsumer,
    leave,
  });
}
