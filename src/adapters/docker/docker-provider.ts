import { followEngine } from './engine-session.ts';
import { Inventory } from './inventory.ts';
import { shortId } from './container-document.ts';
import { backoffMs } from '../../ports/backoff.ts';
import type { DockerClient } from './docker-client.ts';
import type { FollowLinks } from './engine-session.ts';
import type { WantsOptions } from './wants-of.ts';
import type { IpAddress } from '../../domain/address.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { Provider, ProviderItem } from '../../ports/provider.ts';
import type { Random } from '../../ports/random.ts';

/** How often everything is read again [C10]. */
export const RESYNC_DEFAULT_MS = 30_000;

/** A subscription that lasted as long as this was a good one: the next failure is the first again. */
const STABLE_MS = 5_000;

/** A local engine is cheap to ask, and while it is not heard new containers are refused. */
const ENGINE_BACKOFF = { baseMs: 250, capMs: 2_000 };

/** The most containers a line of the log names. */
const NAMED_MAX = 5;

export interface DockerProviderDependencies {
  readonly client: DockerClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface DockerProviderOptions extends WantsOptions {
  /** Milliseconds between two full lists; {@link RESYNC_DEFAULT_MS} when absent. */
  readonly resyncMs?: number;
  /** The addresses of the host now, for containers on its own network; absent where that is not ours, too. */
  readonly hostAddresses?: () => readonly IpAddress[];
  /** Where the engine is when that is another host. */
  readonly remote?: string;
  /** Tells when interfaces of this host are gone: then somebody may have lost an address [C10]. */
  readonly followLinks?: FollowLinks;
}

/**
 * Makes the provider of a Docker engine's running containers. Its events only say where to look again; each
 * look takes one container's own document, so that what is told of a container is of one instant.
 *
 * A stream that ends is opened again, with backoff and jitter, and a snapshot follows [P01]. A stream that is
 * dead without having ended is noticed when a full list shows what no event announced.
 */
export function createDockerProvider(
  dependencies: DockerProviderDependencies,
  options: DockerProviderOptions,
): Provider {
  return {
    name: 'docker',
    watch: ({ signal }) => watch(dependencies, { ...options, signal }),
  };
}

async function* watch(
  dependencies: DockerProviderDependencies,
  options: DockerProviderOptions & { readonly signal: AbortSignal },
): AsyncGenerator<ProviderItem, void> {
  const { clock, random, log } = dependencies;
  const { signal } = options;
  const inventory = new Inventory({
    hostAddresses: options.hostAddresses,
    isElsewhere: options.remote !== undefined,
  });
  const resyncMs = options.resyncMs ?? RESYNC_DEFAULT_MS;
  let failures = 0;
  let isAway = false;
  while (!signal.aborted) {
    const begunAtMs = clock.monotonicMs();
    const end = yield* followEngine(dependencies, inventory, {
      ...options,
      resyncMs,
      remote: options.remote,
      followLinks: options.followLinks,
    });
    if (isAborted(signal)) return;
    if (end.answered) isAway = false;
    if (clock.monotonicMs() - begunAtMs >= STABLE_MS) failures = 0;
    switch (end.kind) {
      case 'silent':
        log.warn(`Docker's events missed ${nameSome(end.missed)}; subscribing again`);
        continue;
      case 'cut':
        log.info(`Docker's event stream ended (${end.reason}); subscribing again`);
        break;
      case 'away':
        if (!isAway) yield { kind: 'unreachable', reason: end.reason };
        isAway = true;
        break;
    }
    failures += 1;
    try {
      await clock.sleep(backoffMs(failures, ENGINE_BACKOFF, random), { signal });
    } catch {
      return;
    }
  }
}

/** Whether the signal was aborted meanwhile, which the compiler can't see happen between two reads. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

function nameSome(ids: readonly string[]): string {
  const more = ids.length > NAMED_MAX ? ` and ${ids.length - NAMED_MAX} more` : '';
  return `what happened to ${ids.slice(0, NAMED_MAX).map(shortId).join(', ')}${more}`;
}
