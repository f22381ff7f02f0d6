import { describeConnectionContract } from '../../../contracts/connection.contract.ts';
import { describeDialerContract } from '../../../contracts/dialer.contract.ts';
import { describeListenerContract } from '../../../contracts/listener.contract.ts';
import { nodeTcpWorld } from '../../../support/node-tcp-world.ts';

describeConnectionContract('EpollConnection over IPv4', async () => nodeTcpWorld('127.0.0.1', 'epoll'));
describeConnectionContract('EpollConnection over IPv6', async () => nodeTcpWorld('::1', 'epoll'));
describeDialerContract('EpollDialer', async () => nodeTcpWorld('127.0.0.1', 'epoll'));
describeListenerContract('EpollListener', async () => nodeTcpWorld('127.0.0.1', 'epoll'));
