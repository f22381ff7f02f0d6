import { describeDialerContract } from '../../contracts/dialer.contract.ts';
import { nodeTcpWorld } from '../../support/node-tcp-world.ts';

describeDialerContract('NodeDialer', async () => nodeTcpWorld());
