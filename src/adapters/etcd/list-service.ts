import { EtcdError } from './etcd-client.ts';
import { askEtcd } from './ask-etcd.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Evidence } from '../../ports/discovery.ts';
import type { EtcdClient, EtcdKeyValue, EtcdPage, EtcdRange } from './etcd-client.ts';
import type { KeyRange } from '../../domain/key-range.ts';

/** Keys asked for at once: with documents of 4 KiB, 2 MiB. */
const PAGE_KEYS = 500;

/**
 * Lists that a compaction may outrun before it is told as a failure. Each asks for pages eight times as large
 * as the one before: a list of one page cannot be outrun.
 */
const LISTS_MAX = 4;

/** How much larger pages become after a compaction, and smaller when an answer was too large. */
const PAGE_FACTOR = 8;

/** The most keys read for one service; a hundred times what one host can use. */
const KEYS_MAX = 100_000;

/** Every document of a service at one revision. */
export interface ServiceList {
  readonly items: readonly EtcdKeyValue[];
  readonly revision: string;
  readonly evidence: Evidence;
}

/**
 * Reads a service whole: in pages, all at the revision of the first, so that they are one state of the store.
 * A page that fails fails the list [D06]; one whose revision is compacted meanwhile begins it anew [P16].
 *
 * @returns The documents in the order of their keys. The evidence is `hearsay` if and only if the list is
 *   empty and the store holds nothing at all, or refuses to say: a store that lost its data answers so [C7].
 * @throws {EtcdError} As the client; `failed` when there are too many keys; `compacted` when compactions
 *   outran {@link LISTS_MAX} lists.
 */
export async function listService(
  dependencies: { readonly client: EtcdClient; readonly clock: Clock },
  range: KeyRange,
  options: { readonly signal: AbortSignal },
): Promise<ServiceList> {
  let pages: PageSize = { keys: PAGE_KEYS, tooLarge: Number.POSITIVE_INFINITY };
  for (let left = LISTS_MAX; ; left -= 1) {
    try {
      return await listOnce(dependencies, range, {
        ...options,
        pages,
        onSize: (size) => {
          pages = size;
        },
      });
    } catch (error) {
      const isOutrun = error instanceof EtcdError && error.code === 'compacted';
      if (!isOutrun || left === 1) throw error;
      pages = { ...pages, keys: Math.min(pages.keys * PAGE_FACTOR, pages.tooLarge - 1, KEYS_MAX + 1) };
    }
  }
}

/** How many keys to ask for. */
interface PageSize {
  readonly keys: number;
  /** So many were too large an answer. */
  readonly tooLarge: number;
}

async function listOnce(
  dependencies: { readonly client: EtcdClient; readonly clock: Clock },
  range: KeyRange,
  options: {
    readonly signal: AbortSignal;
    readonly pages: PageSize;
    /** Told when pages turn out to be too large. */
    readonly onSize: (pages: PageSize) => void;
  },
): Promise<ServiceList> {
  const items: EtcdKeyValue[] = [];
  let { pages } = options;
  let read = 0;
  let page: EtcdPage | undefined;
  let revision: string | undefined;
  do {
    const request: EtcdRange = { prefix: range.prefix, revision, from: page?.next, limit: pages.keys };
    const answer = await readPage(dependencies, request, options);
    if (answer === 'too-large') {
      pages = { keys: Math.ceil(pages.keys / PAGE_FACTOR), tooLarge: pages.keys };
      options.onSize(pages);
      continue;
    }
    page = answer;
    revision ??= page.revision;
    read += page.items.length;
    if (read > KEYS_MAX) {
      throw new EtcdError('failed', `more than ${KEYS_MAX} keys begin with ${range.prefix}`);
    }
    items.push(...page.items.filter(({ key }) => range.matches(key)));
  } while (page?.next !== undefined || revision === undefined);
  const isHearsay = read === 0 && (await isStoreEmpty(dependencies, revision, options));
  return { items, revision, evidence: isHearsay ? 'hearsay' : 'authoritative' };
}

async function readPage(
  { client, clock }: { readonly client: EtcdClient; readonly clock: Clock },
  request: EtcdRange,
  options: { readonly signal: AbortSignal },
): Promise<EtcdPage | 'too-large'> {
  const { signal } = options;
  try {
    return await askEtcd(clock, { what: `the list of ${request.prefix}`, signal }, (limited) => {
      return client.range(request, { signal: limited });
    });
  } catch (error) {
    if (error instanceof EtcdError && error.code === 'too-large' && request.limit > 1) return 'too-large';
    throw error;
  }
}

async function isStoreEmpty(
  { client, clock }: { readonly client: EtcdClient; readonly clock: Clock },
  revision: string,
  options: { readonly signal: AbortSignal },
): Promise<boolean> {
  const { signal } = options;
  try {
    const keys = await askEtcd(clock, { what: 'a count of all keys', signal }, (limited) => {
      return client.count({ prefix: '', revision }, { signal: limited });
    });
    return keys === 0;
  } catch (error) {
    // Rights to this service only: nobody can say whether the store is whole.
    if (error instanceof EtcdError && error.code === 'forbidden') return true;
    throw error;
  }
}
