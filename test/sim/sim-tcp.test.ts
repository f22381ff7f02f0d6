import { describeDialerContract } from '../contracts/dialer.contract.ts';
import { describeListenerContract } from '../contracts/listener.contract.ts';
import { simTcpWorld } from '../support/sim-tcp-world.ts';

describeListenerContract('SimHost', simTcpWorld);
describeDialerContract('SimHost', simTcpWorld);
