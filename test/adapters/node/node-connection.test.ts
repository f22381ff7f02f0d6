import { describeConnectionContract } from '../../contracts/connection.contract.ts';
import { nodeTcpWorld } from '../../support/node-tcp-world.ts';

describeConnectionContract('NodeConnection over IPv4', async () => nodeTcpWorld('127.0.0.1', 'node'));
describeConnectionContract('NodeConnection over IPv6', async () => nodeTcpWorld('::1', 'node'));
