import { z } from 'zod';
import { CHECKOUT_INSIDE, NODE_INSIDE } from './checkout.ts';
import { until } from './until.ts';
import type { Consumer } from './consumer.ts';
import type { RunningProcess } from './running-process.ts';
import type { StartedDockerHost } from './started-docker-host.ts';

const PROGRAM = `${CHECKOUT_INSIDE}/e2e/support/traffic-client.ts`;
/** The last request may take as long as the client waits for one. */
const STOP_TIMEOUT_MS = 25_000;

const TIMES = { startedAtMs: z.number(), elapsedMs: z.number() };
const REQUEST = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('answered'), by: z.string(), ...TIMES }),
  z.object({ kind: z.literal('failed'), code: z.string(), bytes: z.number(), ...TIMES }),
]);

/**
 * One request and its connection. `startedAtMs` is wall time, which all machines of a run share; `elapsedMs`
 * runs from connect() to the answer's end or the failure. `by` is the name of the endpoint that answered,
 * `bytes` what arrived before the failure.
 */
export type Request = z.infer<typeof REQUEST>;

export interface TrafficOptions {
  readonly address: string;
  readonly port: number;
  /** From the start of one request to the start of the next, which never overlaps it. Default: 10 ms. */
  readonly everyMs?: number;
}

/** Requests that a consumer makes, one after the other, until they are told to stop. */
export class Traffic implements AsyncDisposable {
  private readonly process: RunningProcess;

  private constructor(process: RunningProcess) {
    this.process = process;
  }

  /**
   * Starts requests in a consumer's network namespace. They outlive the consumer, as an open shell would.
   *
   * @returns at once; `first` waits for what one of them meets
   */
  static async start(
    host: StartedDockerHost,
    consumer: Consumer,
    options: TrafficOptions & { readonly count?: number },
  ): Promise<Traffic> {
    const { address, port, everyMs = 10, count = 0 } = options;
    const program = [NODE_INSIDE, PROGRAM, address, String(port), String(everyMs), String(count)];
    const argv = ['nsenter', `--net=/proc/${await consumer.pid()}/ns/net`, '--', ...program];
    return new Traffic(await host.startProcess(argv, { name: `traffic-${consumer.name}` }));
  }

  /** All requests that have ended so far, in order. */
  async requests(): Promise<readonly Request[]> {
    const lines = (await this.process.log()).split('\n');
    // What follows the last newline is being written.
    return lines.slice(0, -1).map((line) => REQUEST.parse(JSON.parse(line)));
  }

  /**
   * Waits for the first request that matches.
   *
   * @throws {Error} when none does in time, with what came instead
   */
  async first(what: string, matches: (request: Request) => boolean, timeoutMs = 10_000): Promise<Request> {
    const find = async (): Promise<Request | undefined> => (await this.requests()).find(matches);
    return until(`a request ${what}`, find, {
      timeoutMs,
      explain: async () => `it met ${JSON.stringify(tally(await this.requests()))}`,
    });
  }

  /** Waits until that many further requests have ended. */
  async more(count: number, timeoutMs = 10_000): Promise<void> {
    const enough = (await this.requests()).length + count;
    const probe = async (): Promise<true | undefined> =>
      (await this.requests()).length >= enough || undefined;
    await until(`${count} more requests`, probe, { timeoutMs });
  }

  /** Waits until the requests that were to be made are made, and gives them all. */
  async finish(): Promise<readonly Request[]> {
    await this.process.waitExit(STOP_TIMEOUT_MS);
    return this.requests();
  }

  /** Ends the requests, after the one that is being made, and gives them all. */
  async stop(): Promise<readonly Request[]> {
    await this.process.signal('SIGTERM');
    return this.finish();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
  }
}

/** Makes some requests in a consumer's network namespace and gives them when all have ended. */
export async function requestsOf(
  host: StartedDockerHost,
  consumer: Consumer,
  options: TrafficOptions & { readonly count: number },
): Promise<readonly Request[]> {
  await using traffic = await Traffic.start(host, consumer, options);
  const requests = await traffic.finish();
  if (requests.length !== options.count) {
    throw new Error(`${requests.length} of ${options.count} requests were made`);
  }
  return requests;
}

/** How many requests each endpoint answered, and how many failed in which way. */
export function tally(requests: readonly Request[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const request of requests) {
    const outcome = outcomeOf(request);
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  }
  return counts;
}

/** The name of the endpoint that answered, or the code of the failure. */
export function outcomeOf(request: Request): string {
  return request.kind === 'answered' ? request.by : request.code;
}

/** Whether a request was refused as embassy refuses: at once, and before any byte. */
export function isRefused(request: Request): boolean {
  return (
    request.kind === 'failed' &&
    (request.code === 'ECONNREFUSED' || request.code === 'ECONNRESET') &&
    request.bytes === 0
  );
}
