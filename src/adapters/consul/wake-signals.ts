import { z } from 'zod';
import { BACKOFF_DEFAULT, backoffMs } from '../../ports/backoff.ts';
import { INDEX_START, nextIndex } from './blocking-index.ts';
import { Pacer } from '../../ports/pacer.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';
import type { ConsulCalls } from './consul-calls.ts';
import type { ConsulPosition, ConsulRequest } from './consul-client.ts';

/** How long Consul may keep a question, in seconds. */
const WAIT_S = 30;

/** How often the signals are asked for, at most. */
const PACE = { burst: 4, everyMs: 250 };

/** How long a change of the catalog may wait for the change of a check that explains it, in milliseconds. */
const EXPLAINED_WITHIN_MS = 500;

/** How often all services may be read again because something changed that no signal names, at most. */
const SWEEP = { burst: 1, everyMs: 10_000 };

const CHECKS = z.array(
  z.object({ Node: z.string(), CheckID: z.string(), Status: z.string(), ServiceName: z.string().nullish() }),
);

const SERVICES = z.record(z.string(), z.array(z.string()).nullish());

/** What tells of a signal: a fingerprint by service; under the empty name what concerns all. */
type Fingerprints = ReadonlyMap<string, string>;

/**
 * Tells which of many services may have changed, with two blocking queries for all of them: one sees every
 * check, the other the names and tags of the catalog. Neither is believed; whoever is woken reads its service
 * again. A change that neither names (an instance without a check came or went) wakes everybody, rarely.
 */
export class WakeSignals {
  readonly #dependencies: { readonly calls: ConsulCalls; readonly clock: Clock; readonly random: Random };
  readonly #members = new Map<string, Set<() => void>>();
  readonly #sweeps: Pacer;
  #run: { readonly controller: AbortController; readonly done: Promise<unknown> } | undefined;
  #checksChangedAtMs = -Infinity;

  constructor(dependencies: { readonly calls: ConsulCalls; readonly clock: Clock; readonly random: Random }) {
    this.#dependencies = dependencies;
    this.#sweeps = new Pacer(dependencies.clock, SWEEP);
  }

  /**
   * Has a service looked after.
   *
   * @param service - As Consul spells it.
   * @param wake - Called when it may have changed, or when the signals failed. Must not throw.
   * @returns Ends that. Repeated: a no-op. With the last one the queries end.
   */
  join(service: string, wake: () => void): () => void {
    const own = (): void => {
      wake();
    };
    const members = this.#members.get(service) ?? new Set();
    members.add(own);
    this.#members.set(service, members);
    this.#start();
    return () => {
      members.delete(own);
      if (members.size === 0 && this.#members.get(service) === members) this.#members.delete(service);
      if (this.#members.size === 0) this.#stop();
    };
  }

  /** Stops at once and resolves when nothing is under way. */
  async close(): Promise<void> {
    this.#members.clear();
    const run = this.#run;
    this.#stop();
    await run?.done;
  }

  #start(): void {
    if (this.#run !== undefined) return;
    const controller = new AbortController();
    const { signal } = controller;
    const checks = this.#loop(
      (position) => ({ kind: 'checks', position }),
      fingerprintsOfChecks,
      async (changed) => {
        if (changed.length === 0) return;
        this.#checksChangedAtMs = this.#dependencies.clock.monotonicMs();
        this.#wake(changed);
      },
      signal,
    );
    const services = this.#loop(
      (position) => ({ kind: 'services', consistency: 'default', position }),
      fingerprintsOfServices,
      (changed) => this.#takeCatalog(changed, signal),
      signal,
    );
    this.#run = { controller, done: Promise.allSettled([checks, services]) };
  }

  #stop(): void {
    this.#run?.controller.abort(new Error('no service is looked after any more'));
    this.#run = undefined;
  }

  /** A change of the catalog names a service, is explained by a check, or concerns whom it may. */
  async #takeCatalog(changed: readonly string[], signal: AbortSignal): Promise<void> {
    this.#wake(changed);
    if (changed.length > 0) return;
    const { clock } = this.#dependencies;
    const sinceMs = clock.monotonicMs() - EXPLAINED_WITHIN_MS;
    await clock.sleep(EXPLAINED_WITHIN_MS, { signal });
    if (this.#checksChangedAtMs >= sinceMs) return;
    await this.#sweeps.turn({ signal });
    this.#wake(['']);
  }

  #wake(services: readonly string[]): void {
    const members = services.includes('')
      ? [...this.#members.values()]
      : services.flatMap((service) => this.#members.get(service) ?? []);
    for (const wakes of members) for (const wake of wakes) wake();
  }

  /** One signal until aborted: a question after the other, at our own pace. */
  async #loop(
    question: (position: ConsulPosition) => ConsulRequest & { readonly position: ConsulPosition },
    read: (body: unknown) => Fingerprints | undefined,
    take: (changed: readonly string[]) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const { calls, clock, random } = this.#dependencies;
    const pacer = new Pacer(clock, PACE);
    let index = INDEX_START;
    let known: Fingerprints | undefined;
    let failures = 0;
    while (true) {
      try {
        await pacer.turn({ signal });
        const reply = await calls.block(question({ index, waitS: WAIT_S }), { signal });
        const step = nextIndex(index, reply.index);
        index = step.next;
        failures = 0;
        if (step.isUnchanged) continue;
        const next = read(reply.body);
        const changed = known === undefined || next === undefined ? [''] : differences(known, next);
        known = next;
        await take(changed);
      } catch {
        if (signal.aborted) return;
        failures += 1;
        known = undefined;
        index = INDEX_START;
        // Whoever asks for its own service meets the failure, and tells it.
        if (failures === 1) this.#wake(['']);
        await clock.sleep(backoffMs(failures, BACKOFF_DEFAULT, random), { signal }).catch(() => undefined);
      }
    }
  }
}

function fingerprintsOfChecks(body: unknown): Fingerprints | undefined {
  const checks = CHECKS.safeParse(body);
  if (!checks.success) return undefined;
  const lines = new Map<string, string[]>();
  for (const { Node: node, CheckID: id, Status: status, ServiceName: service } of checks.data) {
    const name = service ?? '';
    const line = `${node} ${id} ${status}`;
    const known = lines.get(name);
    if (known === undefined) lines.set(name, [line]);
    else known.push(line);
  }
  return new Map([...lines].map(([name, all]) => [name, all.sort().join('\n')]));
}

function fingerprintsOfServices(body: unknown): Fingerprints | undefined {
  const services = SERVICES.safeParse(body);
  if (!services.success) return undefined;
  return new Map(Object.entries(services.data).map(([name, tags]) => [name, (tags ?? []).join('\n')]));
}

function differences(before: Fingerprints, after: Fingerprints): readonly string[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].filter((name) => before.get(name) !== after.get(name));
}
