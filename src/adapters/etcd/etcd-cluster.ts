import { withTimeLimit } from '../../ports/time-limit.ts';
import { ClusterMember } from './cluster-member.ts';
import { EtcdError } from './etcd-client.ts';
import { etcdErrorOf } from './etcd-error-of.ts';
import { EtcdWireError } from './etcd-wire.ts';
import { findV2 } from './find-v2.ts';
import { readTls } from './read-tls.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';
import type { EtcdClient, EtcdPage, EtcdRange, EtcdWatchItem } from './etcd-client.ts';
import type { EtcdConnection, EtcdTransport, TlsPaths, WireOptions } from './etcd-wire.ts';
import type { MemberLink } from './member-link.ts';
import type { EtcdCredentials } from './token-keeper.ts';

/** What all tries of one call may take together, in milliseconds; the logic above gives up after 5 s. */
const CALL_BUDGET_MS = 4_300;

/** What asking for the leader may take afterwards, in milliseconds. */
const LEADER_LIMIT_MS = 500;

/** What is left of that must be so much for another try, in milliseconds. */
const TRY_MIN_MS = 100;

/** Members asked for one call. */
const TRIES_MAX = 5;

/** A broken connection is tried again at once, also where there is no other member. */
const TRIES_MIN = 2;

/** How to reach a cluster. */
export interface EtcdClientOptions {
  /** `host:port` of each member; at least one. */
  readonly hosts: readonly string[];
  /** Speak TLS; undefined speaks plainly. */
  readonly tls: TlsPaths | undefined;
  /** Undefined: no name. */
  readonly credentials: EtcdCredentials | undefined;
}

/** What the cluster stands on. `random` chooses the member that is asked first. */
export interface EtcdClusterDependencies {
  readonly transport: EtcdTransport;
  readonly clock: Clock;
  readonly random: Random;
}

/** One call on a connection. */
type Call<T> = (connection: EtcdConnection, options: WireOptions) => Promise<T>;

/** What the tries of one question share. */
interface Round {
  readonly signal: AbortSignal;
  readonly endsAtMs: number;
  /** Why members did not answer, by host. */
  readonly failures: Map<string, EtcdError>;
}

/**
 * An etcd cluster as one client: all calls go to one member until it fails, then to the next at once. Watches
 * share a stream of the member they were begun at, and end with its connection.
 *
 * Connections are made when they are needed, with the files as they are then.
 */
export class EtcdCluster implements EtcdClient {
  readonly #transport: EtcdTransport;
  readonly #clock: Clock;
  readonly #options: EtcdClientOptions;
  readonly #members: readonly ClusterMember[];
  #current: number;
  #hasAnswered = false;

  constructor(dependencies: EtcdClusterDependencies, options: EtcdClientOptions) {
    const { hosts, tls, credentials } = options;
    this.#transport = dependencies.transport;
    this.#clock = dependencies.clock;
    this.#options = options;
    const onRetired = (member: ClusterMember): void => {
      this.#leave(member);
    };
    this.#members = hosts.map((host) => {
      return new ClusterMember(dependencies, { host, tls, credentials, onRetired });
    });
    this.#current = Math.floor(dependencies.random.fork('members').next() * hosts.length);
  }

  async range(range: EtcdRange, { signal }: { readonly signal: AbortSignal }): Promise<EtcdPage> {
    return this.#ask((connection, wire) => connection.range(range, wire), {
      what: keysWith(range.prefix),
      round: this.#round(signal),
    });
  }

  async count(
    range: { readonly prefix: string; readonly revision: string },
    { signal }: { readonly signal: AbortSignal },
  ): Promise<number> {
    return this.#ask((connection, wire) => connection.count(range, wire), {
      what: keysWith(range.prefix),
      round: this.#round(signal),
    });
  }

  async ping({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    const round = this.#round(signal);
    const watched = this.#members.filter(({ link }) => (link?.watches ?? 0) > 0);
    // Each member that carries watches must answer for itself: the next one would answer for it. The other
    // half of the time is for a new connection.
    const limitMs = CALL_BUDGET_MS / 2;
    const answers = watched.map((member) => this.#check(member, { limitMs, round }));
    if ((await Promise.all(answers)).includes(true)) return;
    await this.#ask(ping, { what: keysWith(''), round });
  }

  async *watch(
    range: { readonly prefix: string; readonly fromRevision: string },
    { signal }: { readonly signal: AbortSignal },
  ): AsyncGenerator<EtcdWatchItem, void, undefined> {
    const member = this.#memberInUse;
    let link: MemberLink | undefined;
    try {
      signal.throwIfAborted();
      link = await member.connect();
      yield* link.watch(range, { signal });
    } catch (error) {
      signal.throwIfAborted();
      throw this.#errorOf(error, { member, what: keysWith(range.prefix), link });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const member of this.#members) member.close();
  }

  get #memberInUse(): ClusterMember {
    const member = this.#members[this.#current];
    if (member === undefined) throw new Error('a cluster without a member');
    return member;
  }

  #round(signal: AbortSignal): Round {
    return { signal, endsAtMs: this.#clock.monotonicMs() + CALL_BUDGET_MS, failures: new Map() };
  }

  /** Makes a call at the member in use, then at the others in turn, until one answers or the time is over. */
  async #ask<T>(run: Call<T>, options: { readonly what: string; readonly round: Round }): Promise<T> {
    const { what, round } = options;
    const count = this.#members.length;
    const tries = Math.min(TRIES_MAX, Math.max(TRIES_MIN, count));
    for (let left = tries; left > 0; left -= 1) {
      const leftMs = round.endsAtMs - this.#clock.monotonicMs();
      if (leftMs < TRY_MIN_MS) break;
      const member = this.#memberInUse;
      const outcome = await this.#try(member, run, {
        limitMs: count === 1 ? leftMs : leftMs / left,
        what,
        round,
      });
      if (outcome !== 'failed') return outcome.answer;
      this.#leave(member);
    }
    throw await this.#giveUp(round);
  }

  /**
   * Makes a call at one member.
   *
   * @returns `failed` when another member may do better; why is noted in the round.
   * @throws {EtcdError} When no other member would.
   */
  async #try<T>(
    member: ClusterMember,
    run: Call<T>,
    options: { readonly limitMs: number; readonly what: string; readonly round: Round },
  ): Promise<{ readonly answer: T } | 'failed'> {
    const { limitMs, what, round } = options;
    const { signal } = round;
    let link: MemberLink | undefined;
    try {
      const answer = await this.#within(limitMs, signal, async (limited) => {
        link = await member.connect();
        return link.call(run, { signal: limited });
      });
      this.#hasAnswered = true;
      return { answer };
    } catch (error) {
      signal.throwIfAborted();
      const failure = this.#errorOf(error, { member, what, link });
      if (!(error instanceof EtcdWireError)) throw failure;
      if (error.trouble !== 'cut' && error.trouble !== 'busy') throw failure;
      round.failures.set(member.host, failure);
      if (error.trouble === 'cut' && link !== undefined) member.retire(link, error);
      return 'failed';
    }
  }

  /** Whether a member that carries watches answers; one that does not loses them. */
  async #check(
    member: ClusterMember,
    options: { readonly limitMs: number; readonly round: Round },
  ): Promise<boolean> {
    const { link } = member;
    const outcome = await this.#try(member, ping, { ...options, what: keysWith('') });
    if (outcome !== 'failed') return true;
    const failure = options.round.failures.get(member.host);
    if (link !== undefined && failure !== undefined) {
      member.retire(link, new EtcdWireError('cut', failure.message, { cause: failure }));
    }
    return false;
  }

  /** What to tell when no member answered. */
  async #giveUp({ failures, signal }: Round): Promise<EtcdError> {
    if (!this.#hasAnswered) {
      const { hosts, tls } = this.#options;
      const read = tls === undefined ? undefined : await readTls(this.#transport, tls, this.#clock.wallMs());
      const dependencies = { transport: this.#transport, clock: this.#clock };
      const v2 = await findV2(dependencies, { hosts, tls: read?.contents, signal });
      if (v2 !== undefined) return v2;
    }
    const leaderless = await this.#findLeaderless(signal);
    signal.throwIfAborted();
    const told = [...failures.values()].map(({ message }) => message);
    if (leaderless.length > 0) {
      const known = leaderless.length === 1 ? 'knows' : 'know';
      const lost = `etcd lost its quorum: ${leaderless.join(', ')} ${known} no leader; bring the others back`;
      told.unshift(lost);
    }
    return new EtcdError('unavailable', told.join('; '), { cause: [...failures.values()].at(-1) });
  }

  /** The members that answer and know no leader. */
  async #findLeaderless(signal: AbortSignal): Promise<readonly string[]> {
    const asked = this.#members.slice(0, TRIES_MAX).map(async (member) => {
      const knows = await this.#within(LEADER_LIMIT_MS, signal, async (limited) => {
        const link = await member.connect();
        return link.call((connection, wire) => connection.knowsLeader(wire), { signal: limited });
      }).catch(() => true);
      return knows ? [] : [member.host];
    });
    return (await Promise.all(asked)).flat();
  }

  /** Goes on with the next member, if this one is in use. */
  #leave(member: ClusterMember): void {
    if (this.#memberInUse === member) this.#current = (this.#current + 1) % this.#members.length;
  }

  #errorOf(
    error: unknown,
    options: { readonly member: ClusterMember; readonly what: string; readonly link: MemberLink | undefined },
  ): EtcdError {
    const { tls, credentials } = this.#options;
    const { member, what, link } = options;
    return etcdErrorOf(error, { host: member.host, tls, credentials, what, doubt: link?.doubt });
  }

  async #within<T>(
    limitMs: number,
    signal: AbortSignal,
    call: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const timeout = (): EtcdWireError => {
      return new EtcdWireError('busy', `no answer within ${(limitMs / 1000).toFixed(1)} s`);
    };
    return withTimeLimit(this.#clock, { limitMs, timeout, signal }, call);
  }
}

/** A read of nothing: one that a quorum confirms. */
const ping: Call<void> = async (connection, wire) => {
  try {
    await connection.ping(wire);
  } catch (error) {
    // The rights were looked up behind the quorum: as good an answer as any.
    if (!(error instanceof EtcdWireError) || error.trouble !== 'denied') throw error;
  }
};

function keysWith(prefix: string): string {
  return prefix === '' ? 'the whole store' : `keys that begin with ${prefix}`;
}
