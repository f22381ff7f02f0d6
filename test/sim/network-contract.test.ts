import { describeConnectionContract } from '../contracts/connection.contract.ts';
import { describeDialerContract } from '../contracts/dialer.contract.ts';
import { describeListenerContract } from '../contracts/listener.contract.ts';
import { simTcpWorld } from '../support/sim-tcp-world.ts';

describeConnectionContract('The simulated network', simTcpWorld);
describeDialerContract('The simulated network', simTcpWorld);
describeListenerContract('The simulated network', simTcpWorld);
