import { describeListenerContract } from '../../contracts/listener.contract.ts';
import { nodeTcpWorld } from '../../support/node-tcp-world.ts';

describeListenerContract('NodeListener', async () => nodeTcpWorld('127.0.0.1', 'node'));
