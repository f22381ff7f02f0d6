import { createRelay } from '../../src/app/relay.ts';
import { describeRelayContract } from '../contracts/relay.contract.ts';
import { nodeTcpWorld } from '../support/node-tcp-world.ts';
import { simTcpWorld } from '../support/sim-tcp-world.ts';

describeRelayContract('createRelay in memory', simTcpWorld, createRelay);
describeRelayContract('createRelay on sockets', async () => nodeTcpWorld(), createRelay);
