import { EtcdMember } from './etcd-member.ts';
import { EtcdUsers } from './etcd-users.ts';
import { failure } from './etcd-store.ts';
import { SimEtcdStream } from './sim-etcd-stream.ts';
import type { EtcdPage, EtcdRange } from '../../src/adapters/etcd/etcd-client.ts';
import type {
  EtcdConnection,
  EtcdTransport,
  PemFacts,
  TlsContents,
} from '../../src/adapters/etcd/etcd-wire.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { EtcdStore } from './etcd-store.ts';

/** Certificates and keys of the simulation: `CERT name`, `KEY name`; those of one name belong together. */
const PEM = /^(CERT|KEY|LOCKED) (\w+)/;

/** A simulated cluster: one store behind any number of members, its users, and the files of this host. */
export class SimEtcdTransport implements EtcdTransport {
  /** The files by path; what is not here does not exist. */
  readonly files = new Map<string, string>();
  readonly users: EtcdUsers;
  /** What every member was dialled with, in order. */
  readonly dials: { readonly host: string; readonly tls: TlsContents | undefined }[] = [];
  /** What a member says of its version; empty while it says nothing. */
  versionText = '';
  readonly #clock: Clock;
  readonly #store: EtcdStore;
  readonly #pageKeysMax: number;
  readonly #members = new Map<string, EtcdMember>();

  /** @param options - `pageKeysMax`: more keys in one answer are refused as too large. */
  constructor(
    dependencies: { readonly clock: Clock; readonly store: EtcdStore; readonly users?: EtcdUsers },
    options: { readonly pageKeysMax?: number } = {},
  ) {
    this.#clock = dependencies.clock;
    this.#store = dependencies.store;
    this.users = dependencies.users ?? new EtcdUsers(dependencies);
    this.#pageKeysMax = options.pageKeysMax ?? 10_000;
  }

  /** The member at `host:port`; there is one wherever one is looked for. */
  member(host: string): EtcdMember {
    const member = this.#members.get(host) ?? new EtcdMember({ clock: this.#clock, store: this.#store });
    this.#members.set(host, member);
    return member;
  }

  connect(host: string, tls: TlsContents | undefined): EtcdConnection {
    this.dials.push({ host, tls });
    const member = this.member(host);
    const dependencies = { clock: this.#clock, store: this.#store, users: this.users, member };
    const streams = new Set<SimEtcdStream>();
    return {
      range: async (range, { token, signal }) => {
        await member.reach(signal);
        this.users.check(token, range.prefix);
        return this.#page(range);
      },
      count: async ({ prefix, revision }, { token, signal }) => {
        await member.reach(signal);
        this.users.check(token, prefix);
        return this.#store.list(prefix, Number(revision)).length;
      },
      ping: async ({ token, signal }) => {
        await member.reach(signal);
        this.users.check(token, '\0');
      },
      authenticate: async ({ name, password }, { signal }) => {
        await member.reach(signal);
        return this.users.authenticate(name, password);
      },
      knowsLeader: async ({ signal }) => {
        if (member.health !== 'no-quorum') await member.reach(signal);
        return member.health !== 'no-quorum';
      },
      openStream: (options) => {
        const stream = new SimEtcdStream(dependencies, options);
        streams.add(stream);
        return stream;
      },
      [Symbol.dispose]: () => {
        for (const stream of streams) stream[Symbol.dispose]();
      },
    };
  }

  async readFile(path: string): Promise<Uint8Array> {
    const text = this.files.get(path);
    if (text === undefined)
      throw Object.assign(new Error(`ENOENT: no such file, open '${path}'`), { code: 'ENOENT' });
    return new TextEncoder().encode(text);
  }

  examine(pem: Uint8Array): PemFacts {
    switch (PEM.exec(textOf(pem))?.[1]) {
      case 'CERT': {
        const until = Number(/ until (\d+)/.exec(textOf(pem))?.[1] ?? Number.MAX_SAFE_INTEGER);
        return {
          kind: 'certificate',
          from: { atMs: 0, text: 'the start' },
          to: { atMs: until, text: `${until} ms` },
        };
      }
      case 'KEY':
        return { kind: 'key' };
      case 'LOCKED':
        return { kind: 'encrypted key' };
      case undefined:
      default:
        return { kind: 'nothing' };
    }
  }

  isKeyOf(key: Uint8Array, certificate: Uint8Array): boolean {
    return PEM.exec(textOf(key))?.[2] === PEM.exec(textOf(certificate))?.[2];
  }

  async version(): Promise<string> {
    return this.versionText;
  }

  #page(range: EtcdRange): EtcdPage {
    const store = this.#store;
    const revision = range.revision === undefined ? store.revision : Number(range.revision);
    if (revision < store.compacted) {
      throw failure('GRPCOutOfRangeError', 'etcdserver: mvcc: required revision has been compacted');
    }
    const from = range.from === undefined ? '' : textOf(range.from);
    const found = store.list(range.prefix, revision).filter(({ key }) => key >= from);
    if (Math.min(found.length, range.limit) > this.#pageKeysMax) {
      throw failure('GRPCResourceExhastedError', 'Received message larger than max (9 vs. 4)');
    }
    const items = found.slice(0, range.limit);
    const last = items.at(-1);
    const hasMore = found.length > items.length && last !== undefined;
    const next = hasMore ? new TextEncoder().encode(`${last.key}\0`) : undefined;
    return { revision: String(store.revision), items, next };
  }
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
