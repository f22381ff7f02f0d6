import assert from 'node:assert/strict';
import { SimClock } from '../../sim/clock.ts';
import { SimNetwork } from '../../sim/network.ts';
import { announcingDialer } from '../../src/app/announcing-dialer.ts';
import { ConnectionLostError } from '../../src/ports/connection.ts';
import { DialError } from '../../src/ports/dialer.ts';
import { at } from '../support/addresses.ts';
import { address } from '../support/endpoints.ts';
import { settle } from '../support/settle.ts';
import type { Connection } from '../../src/ports/connection.ts';
import type { Dialer } from '../../src/ports/dialer.ts';

const HEADER = new TextEncoder().encode('PROXY UNKNOWN\r\n');
const ENDPOINT = at('10.0.0.1:80');
const { signal } = new AbortController();

describe('announcingDialer', () => {
  it('[P31] gives a connection away behind its header', async () => {
    const { dialer, arrived } = await bench();
    await announcingDialer(dialer, HEADER).dial(ENDPOINT, { timeoutMs: 100, signal });
    assert.deepEqual(Buffer.from((await (await arrived).read()) ?? []), Buffer.from(HEADER));
  });

  it('[C5] takes an endpoint that is lost before the header for one that was not reached', async () => {
    const { dialer } = await bench();
    const losing = changed(dialer, async () => Promise.reject(new ConnectionLostError('ECONNRESET')));
    await assert.rejects(
      announcingDialer(losing, HEADER).dial(ENDPOINT, { timeoutMs: 100, signal }),
      (error) =>
        error instanceof DialError && error.code === 'failed' && error.message.includes('PROXY header'),
    );
  });

  it('leaves nothing open when it is given up while the header waits', async () => {
    const { dialer, network } = await bench();
    const abort = new AbortController();
    const reason = new Error('given up');
    const stuck = changed(dialer, async (connection) => {
      abort.abort(reason);
      await connection.closed;
      throw new ConnectionLostError('reset by this side');
    });
    const dialling = announcingDialer(stuck, HEADER).dial(ENDPOINT, { timeoutMs: 100, signal: abort.signal });
    await assert.rejects(dialling, reason);
    await settle();
    assert.equal(network.openConnections, 0);
  });
});

async function bench(): Promise<{
  readonly dialer: Dialer;
  readonly network: SimNetwork;
  readonly arrived: Promise<Connection>;
}> {
  const network = new SimNetwork({ clock: new SimClock(settle) });
  const arrived = Promise.withResolvers<Connection>();
  await network.host([ENDPOINT.address]).listen(ENDPOINT, arrived.resolve);
  return { dialer: network.host([address('10.9.9.9')]), network, arrived: arrived.promise };
}

/** A dialer whose connections write as told. */
function changed(dialer: Dialer, write: (connection: Connection) => Promise<void>): Dialer {
  return {
    dial: async (to, options) => {
      const connection = await dialer.dial(to, options);
      connection.write = async () => write(connection);
      return connection;
    },
  };
}
