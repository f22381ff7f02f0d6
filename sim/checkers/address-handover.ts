import { compareStartedAt } from '../../src/domain/consumer.ts';
import { formatDescriptor } from '../../src/domain/descriptor.ts';
import { percentile } from '../percentile.ts';
import type { IpAddress } from '../../src/domain/address.ts';
import type { Consumer } from '../../src/domain/consumer.ts';
import type { Descriptor } from '../../src/domain/descriptor.ts';
import type { ProviderItem } from '../../src/ports/provider.ts';
import type { Call } from '../call.ts';
import type { Checker, Scene, Tell } from './checker.ts';

/** The name of this checker. */
export const ADDRESS_HANDOVER = 'nobody is served by a binding of who had the address before';

/** How long after an input the daemon may take to sync: its own pace, several times. */
const SYNC_MS = 20;

/**
 * The longest that an old binding may last when no event tells: one resync of the engine [C10], the list that
 * it is (slow ones included), and the pause before it is asked again when it did not answer.
 */
const RESYNC_MS = 30_000;
const LIST_MS = 5_500;

/** How long what was told is kept: longer than a call that it is compared with. */
const HISTORY_MS = 120_000;

/** Windows of more hand-overs than this are not kept. */
const WINDOWS_MAX = 10_000;

/** Who was told to hold an address, from an instant on. */
interface ToldHolder {
  readonly fromMs: number;
  /** Undefined when nobody was. */
  readonly consumer: Consumer | undefined;
}

/** How long after an address changed hands an old binding was still served. */
export interface HandoverWindow {
  /** After how many hand-overs it served at all. */
  readonly count: number;
  readonly maxMs: number;
  readonly p99Ms: number;
}

/**
 * Checks that nobody reaches what only an earlier holder of its address asked for: not once an input showed
 * that the address changed hands, and never later than one resync of the engine [C10]. It measures the window
 * in between.
 */
export class AddressHandover implements Checker {
  readonly name = ADDRESS_HANDOVER;
  readonly #scene: Pick<Scene, 'clock' | 'truth'>;
  readonly #tell: Tell;
  #consumers: ReadonlyMap<string, Consumer> = new Map();
  /** The holders of each address, as told, in order. */
  readonly #told = new Map<IpAddress, readonly ToldHolder[]>();
  /** How long after each hand-over an old binding was served last. */
  readonly #windows = new Map<string, number>();

  constructor(scene: Pick<Scene, 'clock' | 'truth'>, tell: Tell) {
    this.#scene = scene;
    this.#tell = tell;
  }

  /** What was measured so far. */
  get window(): HandoverWindow {
    const servedMs = [...this.#windows.values()];
    const [maxMs = 0, p99Ms = 0] = [percentile(servedMs, 1), percentile(servedMs, 0.99)];
    return { count: servedMs.length, maxMs, p99Ms };
  }

  onTold(item: ProviderItem): void {
    switch (item.kind) {
      case 'snapshot':
        this.#consumers = new Map(item.consumers.map((consumer) => [consumer.id, consumer]));
        break;
      case 'changes': {
        const consumers = new Map(this.#consumers);
        for (const change of item.changes) {
          if (change.kind === 'remove') consumers.delete(change.id);
          else consumers.set(change.value.id, change.value);
        }
        this.#consumers = consumers;
        break;
      }
      case 'unreachable':
        return;
    }
    this.#noteHolders();
  }

  onCall(call: Call): void {
    const { outcome } = call;
    if (outcome.kind !== 'reached') return;
    const { truth } = this.#scene;
    const { endpoint, reachedAtMs } = outcome;
    const serves = (wants: readonly Descriptor[]): boolean =>
      wants.some(
        (want) => want.port === call.port && truth.couldServe(want, endpoint, call.atMs, reachedAtMs),
      );
    const before = truth.holdersWithin(call.source, 0, call.atMs);
    // What nobody with this address ever asked for is another checker's business.
    if (!serves(before.flatMap(({ wants }) => wants))) return;
    const told = this.#toldWithin(call.source, reachedAtMs - SYNC_MS, reachedAtMs);
    if (!serves(told)) this.#report(call, 'what it asked for, as far as an input told', told);
    const now = truth.holdersWithin(call.source, call.atMs, reachedAtMs);
    if (serves(now.flatMap(({ wants }) => wants))) return;
    this.#measure(call.source, call.atMs, reachedAtMs);
    const oldestMs = truth.oldestGoodMs('provider', reachedAtMs, RESYNC_MS + LIST_MS);
    const resynced = truth.holdersWithin(call.source, oldestMs, reachedAtMs).flatMap(({ wants }) => wants);
    if (!serves(resynced))
      this.#report(call, 'what its address was asked for since the last resync', resynced);
  }

  #measure(address: IpAddress, atMs: number, servedAtMs: number): void {
    const sinceMs = this.#scene.truth.heldSinceMs(address, atMs) ?? servedAtMs;
    const handover = `${address} ${sinceMs}`;
    const lastedMs = Math.max(this.#windows.get(handover) ?? 0, servedAtMs - sinceMs);
    if (this.#windows.size < WINDOWS_MAX || this.#windows.has(handover)) {
      this.#windows.set(handover, lastedMs);
    }
  }

  #report(call: Call, what: string, wants: readonly Descriptor[]): void {
    const asked = wants.map(formatDescriptor).join(', ') || 'nothing';
    this.#tell({
      atMs: call.endedAtMs,
      expected: `${call.container} (${call.source}) to port ${call.port}: only ${what}: ${asked}`,
      seen: call.outcome.kind === 'reached' ? `it reached ${call.outcome.endpoint}` : call.outcome.kind,
    });
  }

  /** What those wanted who were told to hold an address at some time between two instants. */
  #toldWithin(address: IpAddress, fromMs: number, untilMs: number): readonly Descriptor[] {
    const holders = this.#told.get(address) ?? [];
    return holders
      .filter(
        (holder, index) => holder.fromMs <= untilMs && (holders[index + 1]?.fromMs ?? untilMs) >= fromMs,
      )
      .flatMap(({ consumer }) => consumer?.wants.map(({ descriptor }) => descriptor) ?? []);
  }

  #noteHolders(): void {
    const nowMs = this.#scene.clock.monotonicMs();
    const latest = new Map<IpAddress, Consumer>();
    for (const consumer of this.#consumers.values()) {
      for (const { address } of consumer.addresses) {
        if (address === '*') continue;
        const other = latest.get(address);
        const isLater = other === undefined || compareStartedAt(other.startedAt, consumer.startedAt) < 0;
        if (isLater) latest.set(address, consumer);
      }
    }
    for (const address of new Set([...latest.keys(), ...this.#told.keys()])) {
      const consumer = latest.get(address);
      const holders = this.#told.get(address) ?? [];
      if (holders.at(-1)?.consumer === consumer) continue;
      const isRecent = (_: ToldHolder, index: number): boolean =>
        (holders[index + 1]?.fromMs ?? nowMs) >= nowMs - HISTORY_MS;
      this.#told.set(address, [...holders.filter(isRecent), { fromMs: nowMs, consumer }]);
    }
  }
}
