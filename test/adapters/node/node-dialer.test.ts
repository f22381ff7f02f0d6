import { describeDialerContract } from '../../contracts/dialer.contract.ts';
import { nodeTcpWorld } from '../../support/node-tcp-world.ts';

describeDialerContract('NodeDialer', async () => nodeTcpWorld('127.0.0.1', 'node'));
