import { DialError } from '../src/ports/dialer.ts';
import { ProbeError } from '../src/ports/prober.ts';
import type { SocketAddress } from '../src/domain/address.ts';
import type { HealthCheck } from '../src/domain/health-check.ts';
import type { Dialer } from '../src/ports/dialer.ts';
import type { Prober } from '../src/ports/prober.ts';

/** Probes over the simulated network: whoever accepts a connection is well. */
export class SimProber implements Prober {
  readonly #dialer: Dialer;

  constructor(dialer: Dialer) {
    this.#dialer = dialer;
  }

  async probe(
    to: SocketAddress,
    _check: HealthCheck,
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
}
