import { EtcdServer, PLAIN_ETCD } from './etcd.ts';
import { until } from './until.ts';
import type { StartedNetwork } from 'testcontainers';
import type { EtcdSettings, StartedEtcdServer } from './etcd.ts';

const MEMBERS = 3;
const LEADER_TIMEOUT_MS = 20_000;

/** Three etcd members that know each other from the start, each on a machine of its own. */
export class EtcdCluster implements AsyncDisposable {
  readonly members: readonly StartedEtcdServer[];
  private readonly stack: AsyncDisposableStack;

  private constructor(members: readonly StartedEtcdServer[], stack: AsyncDisposableStack) {
    this.members = members;
    this.stack = stack;
  }

  /** @param prepare - makes a member's settings once all have addresses; default: plain, without users */
  static async start(
    network: StartedNetwork,
    prepare: (members: readonly StartedEtcdServer[]) => Promise<EtcdSettings> = async () => PLAIN_ETCD,
  ): Promise<EtcdCluster> {
    await using stack = new AsyncDisposableStack();
    const members: StartedEtcdServer[] = [];
    for (let made = 0; made < MEMBERS; made += 1) {
      members.push(stack.use(await new EtcdServer(network).startMachine()));
    }
    const settings = await prepare(members);
    const initial = members.map((member, index) => `m${index}=${member.peerUrl}`).join(',');
    // Together: none is healthy alone.
    await Promise.all(
      members.map((member, index) =>
        member.startServer({
          ...settings,
          serverArguments: [
            `--name=m${index}`,
            `--listen-peer-urls=${member.peerUrl}`,
            `--initial-advertise-peer-urls=${member.peerUrl}`,
            `--initial-cluster=${initial}`,
            ...settings.serverArguments,
          ],
        }),
      ),
    );
    return new EtcdCluster(members, stack.move());
  }

  /** `host:port` of every member. */
  get hosts(): readonly string[] {
    return this.members.map(({ address, port }) => `${address}:${port}`);
  }

  /** Any member but those given. */
  another(...not: readonly StartedEtcdServer[]): StartedEtcdServer {
    const member = this.members.find((candidate) => !not.includes(candidate));
    if (member === undefined) throw new Error('there is no other member');
    return member;
  }

  async leader(): Promise<StartedEtcdServer> {
    return this.find('that leads', (member) => member.isLeader());
  }

  /** The member that a host is connected to. */
  async inUse(address: string): Promise<StartedEtcdServer> {
    return this.find(`that ${address} uses`, async (member) => (await member.connectionsFrom(address)) > 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stack.disposeAsync();
  }

  private async find(
    what: string,
    matches: (member: StartedEtcdServer) => Promise<boolean>,
  ): Promise<StartedEtcdServer> {
    return until(
      `a member ${what}`,
      async () => {
        for (const member of this.members) if (await matches(member)) return member;
        return undefined;
      },
      { timeoutMs: LEADER_TIMEOUT_MS },
    );
  }
}
