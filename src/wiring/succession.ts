import { SOCKET_TUNING_DEFAULT } from '../adapters/node/socket-tuning.ts';
import { InheritedListener } from '../adapters/node/inherited-listener.ts';
import { createListener } from '../adapters/node/sockets.ts';
import { findPredecessor, onUpgradeSignal, startSuccessor } from '../adapters/node/upgrade-processes.ts';
import { ProxierPair } from '../app/proxier-pair.ts';
import { HandOver } from '../app/upgrade/hand-over.ts';
import { TakeOver } from '../app/upgrade/take-over.ts';
import { handingOverProxier, waitingProxier } from '../app/upgrade/upgrading-proxier.ts';
import { SuccessorError } from '../ports/upgrade.ts';
import { failureInWords } from './failure-in-words.ts';
import type { AdoptingListener } from '../adapters/node/adopting-listener.ts';
import type { Supervisor } from '../adapters/node/supervisor.ts';
import type { Daemon } from '../app/daemon.ts';
import type { Clock } from '../ports/clock.ts';
import type { Listener } from '../ports/listener.ts';
import type { Log } from '../ports/log.ts';
import type { Proxier } from '../ports/proxier.ts';
import type { RulesTurn, Successor } from '../ports/upgrade.ts';
import type { Inheritance } from '../adapters/node/upgrade-processes.ts';

/** The process that a container, or a machine, ends with. */
const FIRST_PROCESS = 1;

/** What serving needs of the rest of the daemon. */
export interface ServingParts {
  readonly daemon: Daemon;
  /** Opens the admin API; disposed, its places are free again. */
  readonly openAdmin: () => Promise<AsyncDisposable>;
  readonly supervisor: Supervisor;
  readonly stop: AbortSignal;
  /** Stops in order, as the first signal does. */
  readonly stopNow: () => void;
}

/**
 * This daemon between the one before it and the one after it, in upgrades: takes over what the first one
 * left, and hands over to the second.
 */
export class Succession implements AsyncDisposable {
  readonly listener: Listener;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #own: AdoptingListener;
  readonly #inherited: InheritedListener | undefined;
  readonly #takeOver: TakeOver;
  readonly #shape: string;
  readonly #pid: number;
  #successor: Successor | undefined;
  #supervisor: Supervisor | undefined;
  #admin: AsyncDisposable | undefined;

  /**
   * @param options - `shape`: what an upgrade cannot change, because what the kernel holds follows from it.
   * @throws {SuccessorError} The one before this daemon is of another shape.
   */
  constructor(
    { clock, log }: { readonly clock: Clock; readonly log: Log },
    options: { readonly environment: NodeJS.ProcessEnv; readonly pid: number; readonly shape: string },
  ) {
    this.#shape = options.shape;
    this.#pid = options.pid;
    this.#log = log;
    this.#clock = clock;
    this.#own = createListener({ log }, SOCKET_TUNING_DEFAULT);
    const inheritance: Inheritance | undefined = findPredecessor(options.environment);
    if (inheritance !== undefined && inheritance.shape !== options.shape) {
      const change = `from '${inheritance.shape}' to '${options.shape}'`;
      throw new SuccessorError(`capture and proxier changed ${change}: restart instead of upgrading`);
    }
    this.#inherited = inheritance && new InheritedListener({ listener: this.#own, log }, inheritance.sockets);
    this.listener = this.#inherited ?? this.#own;
    this.#takeOver = new TakeOver({ clock }, inheritance?.predecessor);
  }

  /** Whose the rules are. */
  get turn(): RulesTurn {
    return this.#takeOver;
  }

  /** Makes one proxier of both data planes, which waits for its turn and hands over in order. */
  proxier(
    { userspace, kernel }: { readonly userspace: Proxier; readonly kernel: Proxier | undefined },
    { upgradeDrainMs: drainMs }: { readonly upgradeDrainMs: number },
  ): Proxier {
    const letGo = async (): Promise<boolean> => this.#letGo();
    const relaying = handingOverProxier(userspace, { letGo, drainMs });
    if (kernel === undefined) return relaying;
    return new ProxierPair({ kernel: waitingProxier(kernel, this.turn), userspace: relaying });
  }

  /**
   * Says that this daemon serves: at once, or, after an upgrade, when the one before it has let go. From then
   * on SIGUSR2 starts the next one.
   *
   * @throws What opening the admin API throws, where there is no predecessor.
   */
  async serve(parts: ServingParts): Promise<void> {
    this.#supervisor = parts.supervisor;
    const { daemon, stop } = parts;
    const handOver = new HandOver({
      clock: this.#clock,
      log: this.#log,
      start: () => startSuccessor(this.#own.sockets, this.#shape),
      waitingFor: () => daemon.waitingFor,
    });
    onUpgradeSignal(() => {
      if (this.#mayHandOver(stop)) void this.#handOver(handOver, parts);
    });
    stop.addEventListener('abort', () => {
      if (this.#successor === undefined) parts.supervisor.stopping();
    });
    if (this.#inherited === undefined) {
      this.#admin = await parts.openAdmin();
      parts.supervisor.ready();
    } else {
      void this.#succeed(this.#inherited, parts);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const admin = this.#admin;
    this.#admin = undefined;
    await admin?.[Symbol.asyncDispose]();
  }

  #mayHandOver(stop: AbortSignal): boolean {
    const why =
      this.#pid === FIRST_PROCESS
        ? 'this is the first process of its container, which ends with it; start a new container'
        : stop.aborted
          ? 'this daemon stops'
          : this.turn.isOurs
            ? undefined
            : 'this daemon has not taken over from the one before it';
    if (why !== undefined) this.#log.warn(`SIGUSR2: no upgrade now: ${why}`);
    return why === undefined;
  }

  /** After an upgrade. What cannot be opened is said: traffic goes before insight. */
  async #succeed(inherited: InheritedListener, parts: ServingParts): Promise<void> {
    const { daemon, openAdmin, stop, supervisor } = parts;
    if (!(await this.#takeOver.prepare(daemon, { signal: stop }))) return;
    await inherited.begin();
    daemon.resync();
    try {
      this.#admin = await openAdmin();
    } catch (error) {
      this.#log.error(`the admin API cannot be served: ${failureInWords(error)}`);
    }
    supervisor.ready();
    this.#log.info('upgrade: this daemon has taken over');
  }

  async #handOver(handOver: HandOver, { stop, stopNow }: ServingParts): Promise<void> {
    const successor = await handOver.prepare({ signal: stop });
    if (successor === undefined) return;
    this.#successor = successor;
    this.#takeOver.giveAway();
    stopNow();
  }

  /** Kept for last: rules and the kernel's table are no longer written, connections still accepted. */
  async #letGo(): Promise<boolean> {
    const successor = this.#successor;
    if (successor === undefined) return false;
    await this[Symbol.asyncDispose]();
    this.#supervisor?.handTo(successor.pid);
    successor.letGo();
    this.#log.info(`upgrade: process ${successor.pid} takes over; open connections go on here for a while`);
    return true;
  }
}
