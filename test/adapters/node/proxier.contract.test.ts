import { describeProxierContract } from '../../contracts/proxier.contract.ts';
import { openCapturedHost } from '../../support/captured-host.ts';
import { addressIn, nodeProxierWorld } from '../../support/node-proxier-world.ts';
import { address } from '../../support/endpoints.ts';
import type { NoWorld, ProxierWorld } from '../../support/proxier-world.ts';

/** Above this are no ports that a kernel gives to diallers. */
const OFFSET = 20_000;

/** A /24 of loopback that is this process's alone, so that two runs don't meet. */
const OWN = `127.83.${process.pid % 250}`;

describeProxierContract('UserspaceProxier, listening, on real sockets,', async () =>
  nodeProxierWorld({
    listen: { kind: 'direct', address: address(`${OWN}.1`), offset: OFFSET },
    virtualIp: address(`${OWN}.1`),
    endpointsAt: address(`${OWN}.2`),
    consumer: (n) => addressIn('127.84', n),
    socket: (make) => make(),
    leave: () => undefined,
  }),
);

describeProxierContract('UserspaceProxier, captured by a DNAT rule, on real sockets,', capturedWorld);

async function capturedWorld(): Promise<ProxierWorld | NoWorld> {
  const host = openCapturedHost({ beyond: [], writesRule: true, prepare: () => undefined });
  if ('skip' in host) return host;
  return nodeProxierWorld({ ...host.place, endpointsAt: address('127.0.0.2') });
}
