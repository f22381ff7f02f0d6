import { formatSocketAddress, parseSocketAddress } from '../../src/domain/address.ts';
import { parseDescriptor } from '../../src/domain/descriptor.ts';
import { endpointId } from '../../src/domain/endpoint.ts';
import { parseServiceName } from '../../src/domain/service-name.ts';
import { SimClock } from '../clock.ts';
import { Judge } from '../judge.ts';
import { SeededRandom } from '../random.ts';
import { Trace } from '../trace.ts';
import { World } from '../world.ts';
import type { IpAddress, SocketAddress } from '../../src/domain/address.ts';
import type { Descriptor } from '../../src/domain/descriptor.ts';
import type { Endpoint } from '../../src/domain/endpoint.ts';
import type { ServiceName } from '../../src/domain/service-name.ts';
import type { Connection } from '../../src/ports/connection.ts';
import type { CallOutcome } from '../call.ts';
import type { Violation } from '../checkers/violation.ts';
import type { Settle } from '../clock.ts';
import type { TraceSink } from '../trace.ts';
import type { Bounds } from '../truth.ts';
import type { WorldOptions } from '../world.ts';

/** How old knowledge may be where nothing is wrong. */
const BOUND_MS = 1_500;

/** How often all that must hold is looked at. */
const STEP_MS = 100;

/** How long a call may take until it is told what came of it. */
const CALL_MS_MAX = 90_000;

/** How long embassy may take to stop, and connections to end before. */
const STOP_MS = 10_000;
const QUIET_MS = 100_000;

const VIRTUAL_IP = '172.17.0.1';
const RULES = { discoveries: [{ name: 'etcd', wildcards: true }], udp: false };

/** A call that was begun, and what came of it when it has ended. */
export interface Begun {
  outcome: CallOutcome | undefined;
}

/** Where a scenario plays: a world with all checkers, and words for what scenarios do and expect. */
export class Stage {
  readonly world: World;
  readonly clock: SimClock;
  readonly #judge: Judge;
  readonly #name: string;
  readonly #failures: Violation[] = [];
  #isStopped = false;

  constructor(
    dependencies: { readonly settle: Settle; readonly sink: TraceSink },
    options: {
      readonly name: string;
      readonly bounds: Partial<Bounds>;
      readonly sources: WorldOptions['sources'];
      readonly hasStateDir: boolean;
    },
  ) {
    this.clock = new SimClock(dependencies.settle);
    this.#name = options.name;
    const trace = new Trace({ clock: this.clock }, dependencies.sink);
    const bounds = { provider: BOUND_MS, discovery: BOUND_MS, ...options.bounds };
    const random = new SeededRandom(1);
    const { sources, hasStateDir } = options;
    this.world = new World({ clock: this.clock, random, trace }, { sources, bounds, hasStateDir });
    this.#judge = new Judge(this.world);
  }

  /** What was expected and not seen, then what the checkers found. */
  get violations(): readonly Violation[] {
    return [...this.#failures, ...this.#judge.violations];
  }

  /** Lets time pass, with a look at all that must hold on the way. */
  async pass(ms: number): Promise<void> {
    const endAtMs = this.clock.monotonicMs() + ms;
    do {
      await this.clock.advance(Math.min(STEP_MS, Math.max(0, endAtMs - this.clock.monotonicMs())));
      if (!this.#isStopped) await this.#judge.step();
    } while (this.clock.monotonicMs() < endAtMs);
  }

  /** Notes a failure unless something is so. */
  expect(what: string, seen: unknown, isSo: boolean): void {
    if (isSo) return;
    const atMs = this.clock.monotonicMs();
    this.#failures.push({ checker: this.#name, atMs, expected: what, seen: String(seen) });
  }

  /** Starts the host of an endpoint, e.g. `10.1.0.1:80`, and registers it unless told otherwise. */
  async serve(service: string, at: string, parts: Partial<Endpoint> = {}): Promise<Endpoint> {
    await this.world.addHost(socketAddress(at));
    return this.register(service, at, parts);
  }

  /** Registers an endpoint without starting a host. */
  register(service: string, at: string, parts: Partial<Endpoint> = {}): Endpoint {
    const id = endpointId(`${service}/${at}`);
    const endpoint = { id, ...socketAddress(at), weight: 1, tags: undefined, ...parts };
    this.world.register(serviceName(service), endpoint, { ttlMs: undefined });
    return endpoint;
  }

  deregister(service: string, endpoint: Endpoint): void {
    this.world.deregister(serviceName(service), endpoint);
  }

  /** Lets an endpoint's host accept or refuse. */
  async setAccepting(endpoint: Endpoint, isAccepting: boolean): Promise<void> {
    await this.world.setAccepting(endpoint, isAccepting);
  }

  /** Starts a container that wants bindings; gives its id. */
  start(name: string, wants: readonly string[], env: readonly string[] = []): string {
    return this.world.startContainer(name, wants.map(descriptor), env);
  }

  /** Begins a call of the virtual IP. */
  begin(id: string, port: number, plan: { bytes?: number; pauseMs?: number } = {}): Begun {
    const begun: Begun = { outcome: undefined };
    const { bytes = 1_000, pauseMs = 0 } = plan;
    this.world.call(id, {
      port: socketAddress(`${VIRTUAL_IP}:${port}`).port,
      ...{ bytes, pauseMs },
      onEnd: (call) => {
        begun.outcome = call.outcome;
        this.#judge.call(call);
      },
    });
    return begun;
  }

  /** Calls, and waits for what comes of it: the endpoint that answered, or why none did. */
  async call(id: string, port: number): Promise<string> {
    const begun = this.begin(id, port);
    const endAtMs = this.clock.monotonicMs() + CALL_MS_MAX;
    while (begun.outcome === undefined && this.clock.monotonicMs() < endAtMs) await this.pass(10);
    const { outcome } = begun;
    return outcome?.kind === 'reached' ? outcome.endpoint : (outcome?.kind ?? 'nothing');
  }

  /** Expects that a call reaches an endpoint; a certain one, or any. */
  async expectServed(id: string, port: number, by?: Endpoint): Promise<void> {
    const answer = await this.call(id, port);
    const name = by === undefined ? 'an endpoint' : formatSocketAddress(by);
    const isSo = by === undefined ? /:\d+$/.test(answer) : answer === name;
    this.expect(`${this.#short(id)} to port ${port}: ${name}`, answer, isSo);
  }

  /** Expects that a call is refused. */
  async expectRefused(id: string, port: number): Promise<void> {
    const answer = await this.call(id, port);
    this.expect(`${this.#short(id)} to port ${port}: refused`, answer, answer === 'refused');
  }

  /** Expects that the newest table has a route for an address and port, or has none. */
  expectRoute(address: string, port: number, service: string | undefined): void {
    const at = socketAddress(`${address}:${port}`);
    const route = this.world.daemon.table.lookup(at.address, 'tcp', at.port);
    const seen = route?.binding.descriptor.service;
    this.expect(`route of ${address} port ${port}: ${service ?? 'none'}`, seen ?? 'none', seen === service);
  }

  /** Dials a port of the virtual IP from an address, for talks that `call` does not know. */
  async dial(from: IpAddress | string, port: number): Promise<Connection> {
    const host = this.world.network.hostAt(socketAddress(`${from}:1`).address);
    if (host === undefined) throw new Error(`nobody has ${from}`);
    const { signal } = new AbortController();
    const dialling = host.dial(socketAddress(`${VIRTUAL_IP}:${port}`), { timeoutMs: 1_000, signal });
    dialling.catch(() => undefined);
    await this.pass(100);
    return dialling;
  }

  /** Tells embassy to stop, and checks that it does and leaves nothing. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    let failure: string | undefined = 'it has not ended';
    void this.world.stop().then(
      () => (failure = undefined),
      (error: unknown) => (failure = String(error)),
    );
    await this.pass(STOP_MS);
    this.#judge.stopped(failure);
  }

  /** The end of every scenario: connections end, then embassy stops. */
  async close(): Promise<void> {
    if (!this.#isStopped) {
      await this.pass(QUIET_MS);
      this.#judge.quiet();
    }
    await this.stop();
  }

  #short(id: string): string {
    return this.world.engine.containers.get(id)?.name ?? id.slice(0, 12);
  }
}

/** Reads an address and port. Throws for what is not one. */
export function socketAddress(text: string): SocketAddress {
  const parsed = parseSocketAddress(text);
  if (parsed === undefined) throw new Error(`not an address and port: ${text}`);
  return parsed;
}

function serviceName(text: string): ServiceName {
  const parsed = parseServiceName(text);
  if (!parsed.ok) throw new Error(`not a service name: ${text}`);
  return parsed.value;
}

function descriptor(text: string): Descriptor {
  const parsed = parseDescriptor(text, 'the scenario', RULES);
  if (!parsed.ok) throw new Error(`not a descriptor: ${text}`);
  return parsed.value;
}
