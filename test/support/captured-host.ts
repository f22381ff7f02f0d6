import { openNetworkNamespaces } from './network-namespaces.ts';
import { addressIn } from './node-proxier-world.ts';
import { address, port } from './endpoints.ts';
import type { DnatCapture } from '../../src/ports/redirector.ts';
import type { NetworkNamespaces } from './network-namespaces.ts';
import type { NodePlace } from './node-proxier-world.ts';
import type { NoWorld } from './proxier-world.ts';

/** The host's interface towards its consumers, and what they dial. */
export const BRIDGE = 'docker0';
export const VIRTUAL_IP = address('10.99.0.1');

const LISTENER = { address: VIRTUAL_IP, port: port(9_999) };

/** What leads to the listener. */
export const CAPTURE: DnatCapture = {
  kind: 'dnat',
  virtualIps: [VIRTUAL_IP],
  interfaces: [BRIDGE],
  listeners: [LISTENER],
  bound: undefined,
  localPorts: [],
};

/** A host that leads what consumers dial to one listener, and where its worlds place what. */
export interface CapturedHost {
  readonly namespaces: NetworkNamespaces;
  readonly place: Omit<NodePlace, 'endpointsAt' | 'serve' | 'over'>;
}

/**
 * Opens a host in a namespace, with consumers at addresses of their own behind its bridge and the DNAT rule
 * that `--dnat` would write.
 *
 * @param beyond - Prefixes of who else is behind the bridge, beside the consumers.
 * @param writesRule - Whether iptables writes the rule here; else a redirector is to get {@link CAPTURE}.
 * @param prepare - What else the host needs; where it throws, there is no such host here.
 */
export function openCapturedHost({
  beyond,
  writesRule,
  prepare,
}: {
  readonly beyond: readonly string[];
  readonly writesRule: boolean;
  readonly prepare: (namespaces: NetworkNamespaces) => void;
}): CapturedHost | NoWorld {
  if (process.platform !== 'linux') return { skip: 'network namespaces are of Linux' };
  if (process.getuid?.() !== 0) return { skip: 'a network namespace needs root' };
  let namespaces: NetworkNamespaces;
  try {
    namespaces = openNetworkNamespaces({
      bridge: BRIDGE,
      virtualIp: VIRTUAL_IP,
      network: '10.99.0.0/16',
      beyond: [...beyond, '10.99.128.0/17'],
    });
  } catch (error) {
    return { skip: String(error) };
  }
  const leave = (): void => {
    namespaces[Symbol.dispose]();
  };
  try {
    const rule = ['PREROUTING', '-i', BRIDGE, '-d', VIRTUAL_IP, '-p', 'tcp', '-j', 'DNAT'];
    const to = ['--to-destination', `${LISTENER.address}:${LISTENER.port}`];
    if (writesRule) namespaces.run('iptables', '-w', '-t', 'nat', '-A', ...rule, ...to);
    prepare(namespaces);
  } catch (error) {
    leave();
    return { skip: `a command is missing here: ${String(error)}` };
  }
  const place: CapturedHost['place'] = {
    listen: { kind: 'captured', at: [LISTENER] },
    virtualIp: VIRTUAL_IP,
    consumer: (n) => addressIn('10.99', n + 250 * 128),
    socket: namespaces.asConsumer,
    leave,
  };
  return { namespaces, place };
}
