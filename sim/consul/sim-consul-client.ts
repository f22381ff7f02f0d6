import { consulErrorOf } from '../../src/adapters/consul/consul-failure.ts';
import { Wakeup } from '../../src/ports/wakeup.ts';
import type { ConsulFailure } from '../../src/adapters/consul/consul-failure.ts';
import type {
  ConsulAnswer,
  ConsulClient,
  ConsulError,
  ConsulPosition,
  ConsulRequest,
} from '../../src/adapters/consul/consul-client.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { ConsulCatalog } from './consul-catalog.ts';

/** The way to the server and back, in milliseconds. */
const LATENCY_MS = 1;

/** How many questions are remembered; the oldest are forgotten first. */
const ASKED_MAX = 10_000;

/** Consul adds up to a sixteenth to the wait; here always all of it. */
const WAIT_JITTER = 1 / 16;

/**
 * The client interface over a simulated Consul: the adapter's logic runs on it unchanged.
 */
export class SimConsulClient implements ConsulClient {
  readonly servers: readonly string[];
  readonly #clock: Clock;
  readonly #catalogs: readonly ConsulCatalog[];
  readonly #asked: ConsulRequest[] = [];
  #blocking = 0;
  #blockingMax = 0;

  /** @param options - `catalogs`: what each server shows, in order; of one cluster usually the same. */
  constructor(dependencies: { readonly clock: Clock; readonly catalogs: readonly ConsulCatalog[] }) {
    this.#clock = dependencies.clock;
    this.#catalogs = dependencies.catalogs;
    this.servers = dependencies.catalogs.map((_catalog, index) => `sim${index}:8500`);
  }

  /** Every question asked so far, in order. */
  get asked(): readonly ConsulRequest[] {
    return this.#asked;
  }

  /** The most blocking queries that were under way at a time. */
  get blockingMax(): number {
    return this.#blockingMax;
  }

  async ask(
    request: ConsulRequest,
    options: { readonly server: number; readonly signal: AbortSignal },
  ): Promise<ConsulAnswer> {
    this.#asked.push(request);
    if (this.#asked.length > ASKED_MAX) this.#asked.shift();
    const { server, signal } = options;
    const catalog = this.#catalogs[server];
    if (catalog === undefined) throw new Error(`there is no server ${server}`);
    const isBlocking = positionOf(request) !== undefined;
    this.#blocking += isBlocking ? 1 : 0;
    this.#blockingMax = Math.max(this.#blockingMax, this.#blocking);
    try {
      return await this.#answer(catalog, request, { name: this.servers[server] ?? '', signal });
    } finally {
      this.#blocking -= isBlocking ? 1 : 0;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const catalog of this.#catalogs) catalog.cutAll();
  }

  /** Holds the question until the index passed its own, its time is over or the connection breaks. */
  async #answer(
    catalog: ConsulCatalog,
    request: ConsulRequest,
    { name, signal }: { readonly name: string; readonly signal: AbortSignal },
  ): Promise<ConsulAnswer> {
    const position = positionOf(request);
    const wakeup = new Wakeup();
    const state = { isCut: false, isOver: position === undefined || position.index === '0' };
    const close = catalog.follow({
      mark: () => {
        wakeup.set();
      },
      cut: () => {
        state.isCut = true;
        wakeup.set();
      },
    });
    const waitMs = (position?.waitS ?? 0) * 1_000 * (1 + WAIT_JITTER);
    const cancel = this.#clock.schedule(waitMs, () => {
      state.isOver = true;
      wakeup.set();
    });
    try {
      await this.#clock.sleep(LATENCY_MS, { signal });
      while (true) {
        if (state.isCut) throw failure({ kind: 'no answer', reason: 'socket hang up' }, name);
        const answer = answerNow(catalog, request, name);
        const hasPassed = Number(answer?.index ?? 0) > Number(position?.index ?? 0);
        if (answer !== undefined && (state.isOver || hasPassed)) return answer;
        await wakeup.wait({ signal });
      }
    } finally {
      cancel();
      close();
    }
  }
}

function positionOf(request: ConsulRequest): ConsulPosition | undefined {
  return request.kind === 'rights' ? undefined : request.position;
}

/** What is told now; undefined while the server says nothing. */
function answerNow(catalog: ConsulCatalog, request: ConsulRequest, name: string): ConsulAnswer | undefined {
  switch (catalog.health) {
    case 'silent':
      return undefined;
    case 'down':
      throw failure({ kind: 'no answer', reason: 'connect ECONNREFUSED' }, name);
    case 'leaderless':
      throw failure(statusOf(500, 'No cluster leader'), name);
    case 'refusing':
      throw failure(statusOf(403, 'ACL not found'), name);
    case 'foreign':
      throw failure({ kind: 'not JSON', contentType: 'text/html' }, name);
    case 'misshapen':
      return { index: '7', isFiltered: false, body: { message: 'hello' } };
    case 'blind':
    case 'up':
      return tell(catalog, request, name);
  }
}

function tell(catalog: ConsulCatalog, request: ConsulRequest, name: string): ConsulAnswer {
  const isBlind = catalog.health === 'blind';
  const isFiltered = isBlind && catalog.tellsFiltered;
  switch (request.kind) {
    case 'instances': {
      const hides = isBlind || (catalog.isFresh && request.consistency === 'default');
      const body = hides ? [] : catalog.instances(request.service);
      return { index: String(catalog.indexOf('instances', request.service)), isFiltered, body };
    }
    case 'services':
      return {
        index: String(catalog.indexOf('services')),
        isFiltered,
        body: isBlind ? {} : catalog.services(),
      };
    case 'checks':
      return {
        index: String(catalog.indexOf('checks')),
        isFiltered,
        body: isBlind ? [] : catalog.checks(),
      };
    case 'rights': {
      if (!catalog.hasAcl) throw failure(statusOf(401, 'ACL support disabled'), name);
      if (catalog.rights === 'unknown') throw failure(statusOf(404, ''), name);
      if (catalog.rights === 'refused') throw failure(statusOf(403, 'Forbidden'), name);
      const body = request.claims.map(({ resource, segment }) => {
        return { Resource: resource, Segment: segment, Access: 'read', Allow: !isBlind };
      });
      return { index: undefined, isFiltered: false, body };
    }
  }
}

function statusOf(status: number, text: string): ConsulFailure {
  return { kind: 'status', status, text, location: undefined };
}

function failure(what: ConsulFailure, server: string): ConsulError {
  return consulErrorOf(what, { server });
}
