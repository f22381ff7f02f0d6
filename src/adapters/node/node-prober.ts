import { request } from 'node:http';
import { connect } from 'node:net';
import { formatSocketAddress } from '../../domain/address.ts';
import { ownProxyHeader } from '../../domain/proxy-header.ts';
import { DialError } from '../../ports/dialer.ts';
import { ProbeError } from '../../ports/prober.ts';
import type { IncomingMessage } from 'node:http';
import type { SocketAddress } from '../../domain/address.ts';
import type { HealthCheck } from '../../domain/health-check.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Dialer } from '../../ports/dialer.ts';
import type { Prober } from '../../ports/prober.ts';

/** Answers that say it is well. */
const STATUS_MIN = 200;
const STATUS_MAX = 399;

/** What a prober works with. */
export interface ProberDependencies {
  readonly clock: Clock;
  readonly dialer: Dialer;
}

/** Probes from this machine: a dial that is closed at once, or a GET over HTTP/1.1. */
export class NodeProber implements Prober {
  readonly #clock: Clock;
  readonly #dialer: Dialer;

  constructor(dependencies: ProberDependencies) {
    this.#clock = dependencies.clock;
    this.#dialer = dependencies.dialer;
  }

  async probe(
    to: SocketAddress,
    check: HealthCheck,
    options: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<void> {
    switch (check.kind) {
      case 'tcp':
        return this.#dial(to, options);
      case 'http':
        return this.#get(to, check, options);
    }
  }

  async #dial(
    to: SocketAddress,
    options: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<void> {
    try {
      const connection = await this.#dialer.dial(to, options);
      connection.reset();
    } catch (error) {
      if (!(error instanceof DialError)) throw error;
      throw new ProbeError(error.message, { cause: error });
    }
  }

  async #get(
    to: SocketAddress,
    { path, proxyProtocol }: HealthCheck & { readonly kind: 'http' },
    { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<void> {
    signal.throwIfAborted();
    const limit = new AbortController();
    const cancel = this.#clock.schedule(timeoutMs, () => {
      limit.abort();
    });
    try {
      const first = proxyProtocol && ownProxyHeader(proxyProtocol);
      const either = AbortSignal.any([signal, limit.signal]);
      const { statusCode = 0 } = await answerOf(to, { path, first }, either);
      if (statusCode < STATUS_MIN || statusCode > STATUS_MAX) {
        throw new ProbeError(`GET ${path} was answered with ${statusCode}`);
      }
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof ProbeError) throw error;
      const why = limit.signal.aborted ? `no answer within ${timeoutMs} ms` : messageOf(error);
      throw new ProbeError(`GET ${path}: ${why}`, { cause: error });
    } finally {
      cancel();
    }
  }
}

/** The head of the answer; its body is not read, and the connection is closed. */
async function answerOf(
  to: SocketAddress,
  { path, first }: { readonly path: string; readonly first: Uint8Array | undefined },
  signal: AbortSignal,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const asking = request({
      host: to.address,
      port: to.port,
      path,
      signal,
      // Without an agent: each probe is a connection of its own.
      createConnection: () => {
        const socket = connect({ host: to.address, port: to.port });
        if (first !== undefined) socket.write(first);
        return socket;
      },
      headers: { host: formatSocketAddress(to), 'user-agent': 'embassy-health-check', connection: 'close' },
    });
    asking.once('response', (answer) => {
      resolve(answer);
      asking.destroy();
    });
    // Stays: what goes wrong after the head is nobody's.
    asking.on('error', reject);
    asking.end();
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
