import { AddressHandover, ADDRESS_HANDOVER } from './checkers/address-handover.ts';
import { BoundsHold, BOUNDS_HOLD } from './checkers/bounds-hold.ts';
import { BytesArrive, BYTES_ARRIVE } from './checkers/bytes-arrive.ts';
import { DialsEnd, DIALS_END } from './checkers/dials-end.ts';
import { EjectionLeavesSome, EJECTION_LEAVES_SOME } from './checkers/ejection-leaves-some.ts';
import { checkEndpointOfService, ENDPOINT_OF_SERVICE } from './checkers/endpoint-of-service.ts';
import { LeastBusy, LEAST_BUSY } from './checkers/least-busy.ts';
import { NothingKept, NOTHING_KEPT } from './checkers/nothing-kept.ts';
import { OutageServes, OUTAGE_SERVES } from './checkers/outage-serves.ts';
import { RoundRobinTurn, ROUND_ROBIN_TURN } from './checkers/round-robin-turn.ts';
import { CAPTURED, Captured } from './checkers/captured.ts';
import { checkTableIsTrue, FreshTable, TABLE_IS_FRESH } from './checkers/table-is-fresh.ts';
import { checkUnboundRefused, UNBOUND_REFUSED } from './checkers/unbound-refused.ts';
import type { Call } from './call.ts';
import type { HandoverWindow } from './checkers/address-handover.ts';
import type { Checker, Scene, Tell } from './checkers/checker.ts';
import type { Leftovers } from './checkers/nothing-kept.ts';
import type { Violation } from './checkers/violation.ts';
import type { World } from './world.ts';

/** How long after a change the daemon may take to sync: its own pace, several times. */
const SYNC_SLACK_MS = 20;
const SYNC_SLACKS_MAX = 5;

/** More violations of one checker than this are not kept: one tells enough. */
const VIOLATIONS_MAX = 5;

/** Every checker, in the order of the report. */
export const CHECKERS = [
  UNBOUND_REFUSED,
  ENDPOINT_OF_SERVICE,
  ADDRESS_HANDOVER,
  TABLE_IS_FRESH,
  ROUND_ROBIN_TURN,
  LEAST_BUSY,
  DIALS_END,
  OUTAGE_SERVES,
  EJECTION_LEAVES_SOME,
  BYTES_ARRIVE,
  BOUNDS_HOLD,
  CAPTURED,
  NOTHING_KEPT,
] as const;

/** Holds all checkers of one run, tells them what happens, and keeps what they find. */
export class Judge {
  readonly #world: World;
  readonly #violations: Violation[] = [];
  readonly #table: FreshTable;
  readonly #handover: AddressHandover;
  readonly #checkers: readonly Checker[];

  constructor(world: World) {
    this.#world = world;
    const { defaults } = world;
    const { maxBindings } = world.limits;
    this.#table = new FreshTable(world, { defaults, maxBindings });
    this.#handover = this.#create(ADDRESS_HANDOVER, (scene, tell) => new AddressHandover(scene, tell));
    const leftovers = (): Leftovers => leftoversOf(world);
    this.#checkers = [
      this.#handover,
      this.#create(ROUND_ROBIN_TURN, (scene, tell) => new RoundRobinTurn(scene, tell)),
      this.#create(LEAST_BUSY, (scene, tell) => new LeastBusy(scene, tell)),
      this.#create(DIALS_END, (scene, tell) => new DialsEnd(scene, tell)),
      this.#create(OUTAGE_SERVES, (scene, tell) => new OutageServes(scene, tell)),
      this.#create(EJECTION_LEAVES_SOME, (scene, tell) => new EjectionLeavesSome(scene, tell)),
      this.#create(BYTES_ARRIVE, (scene, tell) => new BytesArrive(scene, tell)),
      this.#create(BOUNDS_HOLD, (scene, tell) => new BoundsHold(scene, tell)),
      this.#create(CAPTURED, (_scene, tell) => new Captured(world, tell)),
      this.#create(NOTHING_KEPT, (scene, tell) => new NothingKept(scene, tell, leftovers)),
    ];
    for (const checker of this.#checkers) world.watch(checker);
  }

  /** What was found so far, in order. */
  get violations(): readonly Violation[] {
    return this.#violations;
  }

  /** How long after an address changed hands an old binding was still served [C10]. */
  get handoverWindow(): HandoverWindow {
    return this.#handover.window;
  }

  /** A call has ended. */
  call(call: Call): void {
    this.#add(checkUnboundRefused(call, this.#world.truth));
    this.#add(checkEndpointOfService(call, this.#world.truth));
    for (const checker of this.#checkers) checker.onCall?.(call);
  }

  /** A call has ended that began when all was well: its service, if it has an endpoint, served it whole. */
  servedCall(call: Call): void {
    this.call(call);
    const { limits, residents, truth } = this.#world;
    const wants = residents.find((resident) => resident.address === call.source)?.wants ?? [];
    const want = wants.slice(0, limits.maxBindings).find((wanted) => wanted.port === call.port);
    const endpoints = want === undefined ? [] : truth.servingOf(want);
    const canServe = endpoints.some(({ weight }) => weight > 0);
    if (!canServe || (call.outcome.kind === 'reached' && call.outcome.isWhole)) return;
    this.#add({
      checker: TABLE_IS_FRESH,
      atMs: call.endedAtMs,
      expected: `${call.container} (${call.source}) to port ${call.port}: served, as all faults are over`,
      seen: call.outcome.kind,
    });
  }

  /** Time went on. A table that lags behind what was just told gets some more; it must not stay so. */
  async step(): Promise<void> {
    const { clock } = this.#world;
    if (!this.#world.isUp) return;
    for (const checker of this.#checkers) checker.onStep?.();
    for (let slack = 0; ; slack += 1) {
      const violation = this.#table.check(clock.monotonicMs());
      if (violation === undefined) return;
      if (slack === SYNC_SLACKS_MAX) {
        this.#add(violation);
        return;
      }
      await clock.advance(SYNC_SLACK_MS);
    }
  }

  /** The faults are over and the time to converge has passed. */
  converged(): void {
    const { clock, daemon, residents, truth } = this.#world;
    const options = { atMs: clock.monotonicMs(), maxBindings: this.#world.limits.maxBindings };
    this.#add(checkTableIsTrue(daemon.table, residents, truth, options));
  }

  /** No call is under way any more. */
  quiet(): void {
    for (const checker of this.#checkers) checker.onQuiet?.();
  }

  /**
   * Embassy was told to stop and had its time.
   *
   * @param failure - How it ended when that was not in order: it has not, or it threw.
   */
  stopped(failure: string | undefined): void {
    if (failure !== undefined) {
      const atMs = this.#world.clock.monotonicMs();
      this.#add({ checker: NOTHING_KEPT, atMs, expected: 'embassy stops in order', seen: failure });
    }
    for (const checker of this.#checkers) checker.onStopped?.();
  }

  #create<T extends Checker>(checker: string, make: (scene: Scene, tell: Tell) => T): T {
    return make(this.#world, (finding) => {
      this.#add({ checker, ...finding });
    });
  }

  #add(violation: Violation | undefined): void {
    if (violation === undefined) return;
    const { checker } = violation;
    if (this.#violations.filter((one) => one.checker === checker).length >= VIOLATIONS_MAX) return;
    this.#world.trace.event('checker', `${violation.checker}: violated; ${violation.seen}`);
    this.#violations.push(violation);
  }
}

/** What the world sees of an embassy that has stopped. */
function leftoversOf(world: World): Leftovers {
  return [
    ['open connections of the network', world.network.openConnections],
    ['calls under way', world.openCalls],
    ['open streams', world.sources.openStreams()],
    ['timers', world.clock.pendingTimers],
  ];
}
