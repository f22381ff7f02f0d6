import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { ServiceWatch } from '../../src/app/service-watch.ts';
import { formatSocketAddress } from '../../src/domain/address.ts';
import { MemoryLog } from '../../sim/log.ts';
import { MemoryMetrics } from '../../sim/metrics.ts';
import { until } from './until.ts';

import type { SourceStatus } from '../../src/app/service-watch.ts';
import type { ServiceName } from '../../src/domain/service-name.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Discovery } from '../../src/ports/discovery.ts';

/** From the end of one request to the next, in milliseconds. */
const EVERY_MS = 10;

const REQUEST_TIMEOUT_MS = 5_000;

/** The default of `--loss-hold`, in milliseconds. */
const LOSS_HOLD_MS = 10_000;

/** The most requests that are kept; a test makes a tenth of it. */
const REQUESTS_MAX = 100_000;

/** A client that connects to one endpoint of a service after the other, in turn, as embassy knows them. */
export class Shopper implements AsyncDisposable {
  private readonly watch: ServiceWatch;
  private readonly log = new MemoryLog();
  private readonly controller = new AbortController();
  private readonly running: Promise<unknown>;
  /** Who answered, or what failed, in order. */
  private readonly outcomes: string[] = [];
  private readonly failures: string[] = [];
  private failed: unknown;

  private constructor(
    dependencies: { readonly clock: Clock; readonly discovery: Discovery },
    service: ServiceName,
  ) {
    const { signal } = this.controller;
    this.watch = new ServiceWatch(
      { ...dependencies, log: this.log, metrics: new MemoryMetrics(), memory: undefined },
      { service, lossHoldMs: LOSS_HOLD_MS, onChange: () => undefined },
    );
    this.running = Promise.all([this.watch.run({ signal }), this.shop(signal)]).catch((error: unknown) => {
      if (!signal.aborted) this.failed = error;
    });
  }

  /** Starts watching and connecting. */
  static start(
    dependencies: { readonly clock: Clock; readonly discovery: Discovery },
    service: ServiceName,
  ): Shopper {
    return new Shopper(dependencies, service);
  }

  get status(): SourceStatus {
    return this.watch.status;
  }

  get warnings(): readonly string[] {
    return this.log.messages('warn');
  }

  /** Whether these and no others answered, of the last requests; with none, whether there is no endpoint. */
  sees(names: readonly string[]): boolean {
    const known = this.watch.endpoints;
    if (known?.size !== names.length) return false;
    const last = new Set(this.outcomes.slice(-names.length));
    return names.every((name) => last.has(name));
  }

  /** Waits for a condition; the failure tells what was met and logged. */
  async until(what: string, holds: () => boolean, timeoutMs = 5_000): Promise<void> {
    await until(what, () => holds() || undefined, {
      timeoutMs,
      everyMs: 10,
      explain: async () => [this.outcomes.slice(-10).join(' '), ...this.log.messages()].join('\n'),
    });
  }

  /** Waits until that many further requests have ended. */
  async requests(count: number): Promise<void> {
    const enough = this.outcomes.length + count;
    await this.until(`${count} more requests`, () => this.outcomes.length >= enough, 30_000);
  }

  /** Throws if a request was refused, or answered by another than it was meant for. */
  assertSpotless(): void {
    assert.ifError(this.failed);
    assert.deepEqual(this.failures, []);
    assert.ok(this.outcomes.length > 0, 'the client never connected');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.controller.abort(new Error('the test has seen enough'));
    await this.running;
  }

  private async shop(signal: AbortSignal): Promise<void> {
    for (let turn = 0; turn < REQUESTS_MAX; turn += 1) {
      await delay(EVERY_MS, undefined, { signal });
      const endpoints = [...(this.watch.endpoints?.values() ?? [])];
      const chosen = endpoints[turn % Math.max(1, endpoints.length)];
      if (chosen === undefined) continue;
      const at = formatSocketAddress(chosen);
      const answer = await fetch(`http://${at}/`, { signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) })
        .then(async (response) => (await response.text()).trim())
        .catch((error: unknown) => `failed: ${String(error)}`);
      // The instances of these tests have the names of their endpoints.
      const expected = chosen.id.slice(chosen.id.lastIndexOf('/') + 1);
      if (answer !== expected) this.failures.push(`${at}, ${expected}: ${answer}`);
      this.outcomes.push(answer);
    }
  }
}
