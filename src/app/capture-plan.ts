import type { AddressFamily, IpAddress, Port, SocketAddress } from '../domain/address.ts';
import type { Binding } from '../domain/binding.ts';
import type { AnyAddress } from '../domain/consumer.ts';
import type { BoundPort, Capture } from '../ports/redirector.ts';

/** What becomes of a port of the virtual IP that a consumer did not bind [C3]. */
export type Unbound =
  /** It is captured and refused, as in the original. */
  | 'refuse'
  /** It is left to whatever else has it, such as a service of the host. */
  | 'pass';

/** What is captured, as far as it is settled at start. */
export type CapturePlan =
  | {
      readonly kind: 'dnat';
      readonly virtualIps: readonly IpAddress[];
      readonly listeners: readonly SocketAddress[];
      readonly unbound: Unbound;
      /** The addresses of this host now: who binds from there is captured on the way out. */
      readonly hostAddresses: () => readonly IpAddress[];
    }
  | {
      readonly kind: 'redirect';
      readonly families: readonly AddressFamily[];
      readonly virtualIps: readonly IpAddress[];
      readonly port: Port;
      readonly unbound: Unbound;
    };

/** What is known by now of who is to be captured. */
export interface CaptureSources {
  /** The interfaces through which consumers' traffic arrives; undefined before a provider told. */
  readonly interfaces: readonly string[] | undefined;
  readonly bindings: Iterable<Binding>;
}

/**
 * Tells what is to be captured now [C4].
 *
 * @returns Undefined while too little is known to write any rule: `--dnat` before the bridges are known.
 *
 * Pure but for `hostAddresses`, asked once; O(n log n) in the bindings.
 */
export function captureOf(plan: CapturePlan, sources: CaptureSources): Capture | undefined {
  const bindings = [...sources.bindings].filter(({ protocol }) => protocol === 'tcp');
  const bound = plan.unbound === 'pass' ? boundPorts(bindings) : undefined;
  switch (plan.kind) {
    case 'dnat': {
      const { virtualIps, listeners } = plan;
      const { interfaces } = sources;
      if (interfaces === undefined) return undefined;
      const own = new Set<IpAddress | AnyAddress>(plan.hostAddresses());
      const localPorts = bindings.filter(({ address }) => own.has(address)).map(({ port }) => port);
      return { kind: 'dnat', virtualIps, listeners, interfaces, bound, localPorts: sorted(localPorts) };
    }
    case 'redirect': {
      const { families, virtualIps, port } = plan;
      return { kind: 'redirect', families, virtualIps, port, bound };
    }
  }
}

/** Whether a capture needs any rule; with `--unbound=pass` none as long as nobody bound anything. Pure. */
export function needsRules(capture: Capture): boolean {
  const isBound = capture.bound === undefined || capture.bound.length > 0;
  switch (capture.kind) {
    case 'dnat':
      return (isBound && capture.interfaces.length > 0) || capture.localPorts.length > 0;
    case 'redirect':
      return isBound;
  }
}

/** Says in words what a capture captures; undefined when that is nothing. Pure. */
export function captureInWords(capture: Capture): string | undefined {
  const traffic = capture.bound === undefined ? 'traffic' : 'bound traffic';
  const virtualIps = capture.virtualIps.join(', ');
  switch (capture.kind) {
    case 'dnat': {
      const sources = [...capture.interfaces];
      if (capture.localPorts.length > 0)
        sources.push(`the host itself (port ${capture.localPorts.join(', ')})`);
      return sources.length === 0 ? undefined : `${traffic} for ${virtualIps} from ${sources.join(', ')}`;
    }
    case 'redirect': {
      const own = virtualIps === '' ? '' : `, and what its processes send to ${virtualIps}`;
      return `${traffic} that arrives in this network namespace${own}`;
    }
  }
}

function boundPorts(bindings: readonly Binding[]): readonly BoundPort[] {
  return bindings
    .map(({ address, port }) => ({ source: address, port }))
    .sort((a, b) => (a.source === b.source ? a.port - b.port : a.source < b.source ? -1 : 1));
}

function sorted(ports: readonly Port[]): readonly Port[] {
  return [...new Set(ports)].sort((a, b) => a - b);
}
