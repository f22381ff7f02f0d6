import { Namespace } from './namespace.ts';

const COMMAND_TIMEOUT_MS = 10_000;

/** The addresses: a consumer's network and an endpoint's, joined by the host, where the proxies run. */
export const CONSUMER_IP = '10.77.1.2';
export const HOST_IP = '10.77.1.1';
export const ENDPOINT_IP = '10.77.2.2';
const ENDPOINT_GATEWAY_IP = '10.77.2.1';

/** The host's interface towards the consumer. */
export const CONSUMER_INTERFACE = 'consumers';

/**
 * Closed connections that are remembered. Low, or ports that are used again behind NAT meet their own past,
 * and a bench of new connections measures that.
 */
const TIME_WAIT_MAX = 64;

/** For the same reason, in seconds; a bench opens more connections than the kernel would remember. */
const TRACKED_TIME_WAIT_S = 1;

/** Nobody dials it. */
const UNUSED_VIRTUAL_IP = '10.77.9.250';

/** A rule: what the consumer dials, and where it is led. */
export interface Redirection {
  readonly virtualIp: string;
  /** Undefined: every port. */
  readonly port: number | undefined;
  readonly to: string;
}

/** Three network namespaces in a row: consumer, host, endpoint. */
export class Testbed implements AsyncDisposable {
  readonly consumer: Namespace;
  readonly host: Namespace;
  readonly endpoint: Namespace;
  readonly #resources: AsyncDisposableStack;

  private constructor(
    sides: Pick<Testbed, 'consumer' | 'host' | 'endpoint'>,
    resources: AsyncDisposableStack,
  ) {
    this.consumer = sides.consumer;
    this.host = sides.host;
    this.endpoint = sides.endpoint;
    this.#resources = resources;
  }

  /** @throws {Error} No privilege, or a command is missing; nothing is left then. */
  static async create(signal: AbortSignal): Promise<Testbed> {
    await using made = new AsyncDisposableStack();
    const host = made.use(await Namespace.create(signal));
    const consumer = made.use(await Namespace.create(signal));
    const endpoint = made.use(await Namespace.create(signal));
    await join(host, consumer, { name: CONSUMER_INTERFACE, address: CONSUMER_IP, gateway: HOST_IP });
    await join(host, endpoint, { name: 'endpoints', address: ENDPOINT_IP, gateway: ENDPOINT_GATEWAY_IP });
    await set(host, 'ipv4/ip_forward', '1');
    // What the host itself dials must have a way before a rule leads it elsewhere.
    await sh(host, `ip route add default via ${CONSUMER_IP}`);
    for (const side of [consumer, host, endpoint]) {
      await set(side, 'ipv4/tcp_max_tw_buckets', String(TIME_WAIT_MAX));
    }
    const testbed = new Testbed({ consumer, host, endpoint }, made.move());
    // The first rule brings the kernel's connection tracking to this namespace, and its settings.
    await testbed.redirect({ virtualIp: UNUSED_VIRTUAL_IP, port: undefined, to: `${HOST_IP}:9` });
    for (const state of ['time_wait', 'fin_wait', 'close_wait', 'last_ack', 'close']) {
      await set(host, `netfilter/nf_conntrack_tcp_timeout_${state}`, String(TRACKED_TIME_WAIT_S));
    }
    return testbed;
  }

  /** Leads what comes from the consumer's side; the same kind of rule for every proxy. */
  async redirect(redirection: Redirection): Promise<void> {
    const { virtualIp, port, to } = redirection;
    const ports = port === undefined ? '' : `--dport ${port}`;
    const match = `-i ${CONSUMER_INTERFACE} -d ${virtualIp} -p tcp ${ports}`;
    await sh(this.host, `iptables -w -t nat -A PREROUTING ${match} -j DNAT --to-destination ${to}`);
  }

  /** Leads what the host's own programs dial. */
  async redirectOwn(redirection: { readonly virtualIp: string; readonly to: string }): Promise<void> {
    const { virtualIp, to } = redirection;
    await sh(this.host, `iptables -w -t nat -A OUTPUT -d ${virtualIp} -p tcp -j DNAT --to-destination ${to}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}

/** Gives a side one interface, the host its other end, and the side a way out through the host. */
async function join(
  host: Namespace,
  side: Namespace,
  plan: { readonly name: string; readonly address: string; readonly gateway: string },
): Promise<void> {
  const { name, address, gateway } = plan;
  await sh(side, `ip link add eth0 type veth peer name ${name} netns ${host.pid}`);
  await sh(host, `ip address add ${gateway}/24 dev ${name} && ip link set ${name} up`);
  await sh(side, `ip address add ${address}/24 dev eth0 && ip link set eth0 up`);
  await sh(side, `ip route add default via ${gateway}`);
  await set(side, 'ipv4/ip_local_port_range', '1024 65535');
}

async function sh(side: Namespace, command: string): Promise<void> {
  await side.run(['sh', '-ec', command], { timeoutMs: COMMAND_TIMEOUT_MS });
}

async function set(side: Namespace, name: string, value: string): Promise<void> {
  await sh(side, `echo ${value} > /proc/sys/net/${name}`);
}
