import { execFile, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { iptablesClient } from '../../src/adapters/iptables/client.ts';
import { nftablesClient } from '../../src/adapters/nftables/client.ts';
import type { ChildProcess } from 'node:child_process';
import type { AddressFamily } from '../../src/domain/address.ts';

const AGENT = fileURLToPath(new URL('namespace-agent.ts', import.meta.url));

const run = promisify(execFile);

let made = 0;

/** Somebody in a network namespace who does as told. */
export class Agent {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: unknown) => void>();
  #orders = 0;

  constructor(namespace: string) {
    this.#child = spawn('ip', ['netns', 'exec', namespace, process.execPath, AGENT], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const { stdout } = this.#child;
    if (stdout === null) throw new Error('no output');
    createInterface({ input: stdout }).on('line', (line) => {
      const { id, answer } = JSON.parse(line) as { readonly id: number; readonly answer: unknown };
      this.#waiting.get(id)?.(answer);
      this.#waiting.delete(id);
    });
  }

  async serve(name: string, address: string, port: number): Promise<void> {
    await this.#order({ what: 'serve', name, address, port });
  }

  /** Who answers at an address, so many times one after the other, and whom it saw: `NAME ADDRESS`. */
  async ask(address: string, port: number, times = 1): Promise<readonly string[]> {
    return (await this.#order({ what: 'ask', address, port, times })) as readonly string[];
  }

  async askUdp(address: string, port: number, times = 1): Promise<readonly string[]> {
    return (await this.#order({ what: 'ask-udp', address, port, times })) as readonly string[];
  }

  /** Who answers a datagram of a socket that is kept under a name, and the address it is connected to. */
  async touchUdp(name: string, address: string, port: number): Promise<string> {
    return (await this.#order({ what: 'touch-udp', name, address, port })) as string;
  }

  /** Opens a connection and keeps it, under a name; gives who answered. */
  async hold(name: string, address: string, port: number): Promise<string> {
    return (await this.#order({ what: 'hold', name, address, port })) as string;
  }

  /** Whether a kept connection still carries a word there and back: `alive`, `closed`, `timeout`. */
  async touch(name: string): Promise<string> {
    return (await this.#order({ what: 'touch', name, address: '', port: 0 })) as string;
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await ended;
  }

  async #order(order: Readonly<Record<string, unknown>>): Promise<unknown> {
    this.#orders += 1;
    const id = this.#orders;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#child.stdin?.write(`${JSON.stringify({ id, times: 1, ...order })}\n`);
    });
  }
}

/**
 * A host without Docker, on this machine's kernel: a bridge `docker0` (172.30.0.1/24, fd30::1/64) with
 * consumers on it, another bridge `br-other` (172.31.0.1/24, fd32::1/64), and endpoints on another network
 * (10.30.0.0/24, fd31::/64) that it routes to. Each in a network namespace of its own; all of it is removed
 * at the end.
 */
export class KernelLab implements AsyncDisposable {
  readonly virtualIp = '172.30.0.1';
  readonly virtualIp6 = 'fd30::1';
  /** The namespace of the host. */
  readonly host: string;
  readonly #names: string[] = [];
  readonly #agents: Agent[] = [];
  readonly #prefix: string;

  private constructor(prefix: string) {
    this.#prefix = prefix;
    this.host = `${prefix}-host`;
  }

  /** Makes one, or says why this machine cannot have one. */
  static async open(): Promise<KernelLab | { readonly skip: string }> {
    if (process.getuid?.() !== 0) return { skip: 'network namespaces need root' };
    made += 1;
    const lab = new KernelLab(`embassy-lab-${process.pid}-${made}`);
    try {
      await run('nft', ['--version']);
      await run('conntrack', ['--version']);
      await lab.#make();
      return lab;
    } catch (error) {
      await lab[Symbol.asyncDispose]();
      return { skip: `no namespaces, nft or conntrack: ${String(error).split('\n')[0] ?? ''}` };
    }
  }

  /** Put before a command, it runs on the host. */
  get prefix(): readonly string[] {
    return ['ip', 'netns', 'exec', this.host];
  }

  /** Writes rules of somebody with iptables-restore; what they do not name stays. */
  async restore(family: AddressFamily, text: string): Promise<void> {
    const { signal } = new AbortController();
    await iptablesClient({ prefix: this.prefix }).restore({ program: 'iptables', family }, text, { signal });
  }

  /** Writes rules of somebody with nft. */
  async nft(script: string): Promise<void> {
    await nftablesClient({ prefix: this.prefix }).apply(script, { signal: new AbortController().signal });
  }

  /** All rules but those of our own table, without what counts. */
  async foreignRules(): Promise<string> {
    const all = await this.run('nft', 'list', 'ruleset');
    const tables = all.split(/^(?=table )/m).filter((table) => !table.startsWith('table inet embassy'));
    return tables.join('').replaceAll(/packets \d+ bytes \d+/g, '');
  }

  /** Runs a command on the host. */
  async run(...words: readonly string[]): Promise<string> {
    const { stdout } = await run('ip', ['netns', 'exec', this.host, ...words]);
    return stdout;
  }

  /** The consumer 172.30.0.<n>, fd30::<n>, on the bridge. */
  async consumer(n: number): Promise<Agent> {
    return this.#attach(`c${n}`, {
      bridge: 'docker0',
      addresses: [`172.30.0.${n}/24`, `fd30::${n}/64`],
      gateway: this.virtualIp,
      gateway6: this.virtualIp6,
    });
  }

  /** The container 172.31.0.<n>, fd32::<n>, on the other bridge, `br-other`. */
  async container(n: number): Promise<Agent> {
    return this.#attach(`o${n}`, {
      bridge: 'br-other',
      addresses: [`172.31.0.${n}/24`, `fd32::${n}/64`],
      gateway: '172.31.0.1',
      gateway6: 'fd32::1',
    });
  }

  /** The endpoint host 10.30.0.<n>, fd31::<n>, on the other network. */
  async endpoint(n: number): Promise<Agent> {
    return this.#attach(`e${n}`, {
      bridge: 'net0',
      addresses: [`10.30.0.${n}/24`, `fd31::${n}/64`],
      gateway: '10.30.0.254',
      gateway6: 'fd31::fe',
    });
  }

  /** A process of the host itself, as a container on its network is. */
  own(): Agent {
    const agent = new Agent(this.host);
    this.#agents.push(agent);
    return agent;
  }

  /** So many endpoint hosts; the n-th serves its name `e<n>` at port 80 of both its addresses. */
  async serveEndpoints(count: number): Promise<void> {
    for (let n = 1; n <= count; n += 1) {
      const agent = await this.endpoint(n);
      await agent.serve(`e${n}`, `10.30.0.${n}`, 80);
      await agent.serve(`e${n}`, `fd31::${n}`, 80);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const agent of this.#agents.splice(0)) await agent.close();
    for (const name of this.#names.splice(0))
      await run('ip', ['netns', 'delete', name]).catch(() => undefined);
  }

  async #make(): Promise<void> {
    await this.#namespace(this.host);
    for (const [bridge, addresses] of [
      ['docker0', ['172.30.0.1/24', 'fd30::1/64']],
      ['net0', ['10.30.0.254/24', 'fd31::fe/64']],
      ['br-other', ['172.31.0.1/24', 'fd32::1/64']],
    ] as const) {
      await this.run('ip', 'link', 'add', bridge, 'type', 'bridge');
      for (const address of addresses)
        await this.run(
          'ip',
          'address',
          'add',
          address,
          'dev',
          bridge,
          ...(address.includes(':') ? ['nodad'] : []),
        );
      await this.run('ip', 'link', 'set', bridge, 'up');
    }
    await this.run('sysctl', '-q', '-w', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
    // A refusal is told each time, not once a second.
    await this.run('sysctl', '-q', '-w', 'net.ipv4.icmp_ratelimit=0', 'net.ipv6.icmp.ratelimit=0');
  }

  async #attach(
    name: string,
    at: {
      readonly bridge: string;
      readonly addresses: readonly string[];
      readonly gateway: string;
      readonly gateway6: string;
    },
  ): Promise<Agent> {
    const namespace = `${this.#prefix}-${name}`;
    await this.#namespace(namespace);
    await run('ip', [
      'link',
      'add',
      'eth0',
      'netns',
      namespace,
      'type',
      'veth',
      'peer',
      'name',
      name,
      'netns',
      this.host,
    ]);
    await this.run('ip', 'link', 'set', name, 'master', at.bridge, 'up');
    const inside = (...words: readonly string[]): Promise<unknown> =>
      run('ip', ['netns', 'exec', namespace, 'ip', ...words]);
    for (const address of at.addresses)
      await inside('address', 'add', address, 'dev', 'eth0', ...(address.includes(':') ? ['nodad'] : []));
    await inside('link', 'set', 'eth0', 'up');
    await inside('route', 'add', 'default', 'via', at.gateway);
    await inside('-6', 'route', 'add', 'default', 'via', at.gateway6);
    const agent = new Agent(namespace);
    this.#agents.push(agent);
    return agent;
  }

  async #namespace(name: string): Promise<void> {
    await run('ip', ['netns', 'add', name]);
    this.#names.push(name);
    // An address that is looked for twice is not there yet when a test wants it.
    const dad = ['all', 'default'].map((which) => `net.ipv6.conf.${which}.accept_dad=0`);
    await run('ip', ['netns', 'exec', name, 'sysctl', '-q', '-w', ...dad]);
    await run('ip', ['netns', 'exec', name, 'ip', 'link', 'set', 'lo', 'up']);
  }
}
