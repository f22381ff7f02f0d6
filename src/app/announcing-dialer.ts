import { DialError } from '../ports/dialer.ts';
import { ConnectionLostError } from '../ports/connection.ts';
import type { Dialer } from '../ports/dialer.ts';

/**
 * Makes a dialer that sends a header before it gives a connection away. An endpoint that is lost before it
 * took the header has not been reached, and another one may be tried.
 *
 * @param header - Some dozens of bytes, the same for each endpoint.
 */
export function announcingDialer(dialer: Dialer, header: Uint8Array): Dialer {
  return {
    dial: async (to, options) => {
      const { signal } = options;
      const connection = await dialer.dial(to, options);
      const reset = (): void => {
        connection.reset();
      };
      signal.addEventListener('abort', reset, { once: true });
      try {
        signal.throwIfAborted();
        await connection.write(header);
        return connection;
      } catch (cause) {
        connection.reset();
        signal.throwIfAborted();
        if (!(cause instanceof ConnectionLostError)) throw cause;
        throw new DialError('failed', `the PROXY header did not get through: ${cause.message}`, { cause });
      } finally {
        signal.removeEventListener('abort', reset);
      }
    },
  };
}
