import { OWN_MARK, captureOf, redirectOf } from './capture-of.ts';
import type { ForeignProgram } from '../../sim/iptables/foreign-rules.ts';
import type { Capture } from '../../src/ports/redirector.ts';
import type { PacketRow } from '../sim/iptables/traced-host.ts';

const CONSUMER = '172.17.0.3:40000';
const NEIGHBOUR = '172.18.0.3:40000';
const OUTSIDE = '198.51.100.7:40000';
const HOST = '172.17.0.1:40000';
export const VIRTUAL = '172.17.0.1:80';
const EMBASSY = 'delivered to 172.17.0.1:9999';
const ITSELF = 'delivered to 172.17.0.1:80';

/** A capture with packets over its rules. */
export interface CaptureScene {
  readonly name: string;
  readonly capture: Capture;
  /** Programs whose rules stand beside ours; Docker's in any case. */
  readonly beside?: readonly ForeignProgram[];
  readonly packets: readonly (PacketRow & { readonly name: string; readonly verdict: string })[];
}

/** What a consumer sends to the virtual IP. */
export const FROM_CONSUMER = { source: CONSUMER, destination: VIRTUAL, from: 'docker0' } as const;

const ELSEWHERE = captureOf(['docker0'], ['10.255.0.1'], { listeners: ['192.0.2.10:9999'] });

/** What becomes of packets under each capture, whoever writes its rules. */
export const CAPTURE_SCENES: readonly CaptureScene[] = [
  {
    name: '--dnat',
    capture: captureOf(['br1', 'docker0']),
    packets: [
      { name: 'from a bridge to the virtual IP', ...FROM_CONSUMER, verdict: EMBASSY },
      { name: 'from the other bridge', ...FROM_CONSUMER, source: NEIGHBOUR, from: 'br1', verdict: EMBASSY },
      {
        name: "from a bridge, before Docker's published port",
        ...FROM_CONSUMER,
        source: NEIGHBOUR,
        from: 'br1',
        destination: '172.17.0.1:8080',
        verdict: EMBASSY,
      },
      { name: 'from outside', ...FROM_CONSUMER, source: OUTSIDE, from: 'eth0', verdict: ITSELF },
      {
        name: 'from outside to a published port',
        source: OUTSIDE,
        destination: '192.0.2.10:8080',
        from: 'eth0',
        verdict: 'forwarded to 172.17.0.2:80 by docker0',
      },
      {
        name: "from a bridge to the host's other address",
        ...FROM_CONSUMER,
        destination: '192.0.2.10:22',
        verdict: 'delivered to 192.0.2.10:22',
      },
      {
        name: 'from a bridge to the world',
        ...FROM_CONSUMER,
        destination: '198.51.100.9:80',
        verdict: 'forwarded to 198.51.100.9:80 by eth0',
      },
      { name: 'over UDP', ...FROM_CONSUMER, protocol: 'udp', verdict: ITSELF },
      { name: 'from the host itself', source: HOST, destination: VIRTUAL, verdict: ITSELF },
      {
        name: 'of a captured connection',
        ...FROM_CONSUMER,
        state: 'ESTABLISHED',
        translatedTo: '172.17.0.1:9999',
        verdict: EMBASSY,
      },
      {
        name: 'of a connection that the host had before',
        ...FROM_CONSUMER,
        state: 'ESTABLISHED',
        verdict: ITSELF,
      },
      { name: '[P23] out of the window', ...FROM_CONSUMER, state: 'INVALID', verdict: 'dropped' },
      {
        name: "[P23] a consumer's answer to what was not translated",
        ...FROM_CONSUMER,
        destination: '172.17.0.1:9999',
        state: 'INVALID',
        verdict: 'dropped',
      },
      {
        name: '[P23] out of the window from outside',
        ...FROM_CONSUMER,
        source: OUTSIDE,
        from: 'eth0',
        state: 'INVALID',
        verdict: ITSELF,
      },
    ],
  },
  {
    name: "--dnat with consumers on the host's network",
    capture: captureOf(['docker0'], undefined, { localPorts: [80] }),
    packets: [
      { name: 'from the host to a bound port', source: HOST, destination: VIRTUAL, verdict: EMBASSY },
      {
        name: 'from the host to another port',
        source: HOST,
        destination: '172.17.0.1:81',
        verdict: 'delivered to 172.17.0.1:81',
      },
      { name: 'from embassy', source: HOST, destination: VIRTUAL, mark: OWN_MARK, verdict: ITSELF },
      {
        name: 'from the host to another address',
        source: HOST,
        destination: '192.0.2.10:80',
        verdict: 'delivered to 192.0.2.10:80',
      },
    ],
  },
  {
    name: '--dnat --unbound=pass',
    capture: captureOf(['docker0'], undefined, { bound: ['* 6379', '172.17.0.3 80'] }),
    packets: [
      { name: 'to what this consumer bound', ...FROM_CONSUMER, verdict: EMBASSY },
      { name: 'to what another bound', ...FROM_CONSUMER, source: '172.17.0.4:40000', verdict: ITSELF },
      {
        name: 'to what anybody may use',
        ...FROM_CONSUMER,
        source: '172.17.0.4:40000',
        destination: '172.17.0.1:6379',
        verdict: EMBASSY,
      },
      {
        name: 'to what nobody bound',
        ...FROM_CONSUMER,
        destination: '172.17.0.1:53',
        verdict: 'delivered to 172.17.0.1:53',
      },
      {
        name: '[P23] out of the window, to what nobody bound',
        ...FROM_CONSUMER,
        destination: '172.17.0.1:53',
        state: 'INVALID',
        verdict: 'delivered to 172.17.0.1:53',
      },
      {
        name: '[P23] out of the window, to what is bound',
        ...FROM_CONSUMER,
        state: 'INVALID',
        verdict: 'dropped',
      },
    ],
  },
  {
    name: '--dnat with a virtual IP that no interface has',
    capture: ELSEWHERE,
    packets: [
      {
        name: 'from a bridge to the virtual IP',
        ...FROM_CONSUMER,
        destination: '10.255.0.1:80',
        verdict: 'delivered to 192.0.2.10:9999',
      },
      {
        name: '[P23] out of the window',
        ...FROM_CONSUMER,
        destination: '10.255.0.1:80',
        state: 'INVALID',
        verdict: 'dropped',
      },
      {
        name: "[P23] a consumer's answer to what was not translated",
        ...FROM_CONSUMER,
        destination: '192.0.2.10:9999',
        state: 'INVALID',
        verdict: 'dropped',
      },
    ],
  },
  {
    name: '--dnat with such a virtual IP beside ufw',
    capture: ELSEWHERE,
    beside: ['ufw'],
    packets: [
      {
        name: 'from a bridge to the virtual IP',
        ...FROM_CONSUMER,
        destination: '10.255.0.1:80',
        verdict: 'delivered to 192.0.2.10:9999',
      },
      {
        name: 'from outside to the listener, which ufw closes',
        source: OUTSIDE,
        destination: '192.0.2.10:9999',
        from: 'eth0',
        verdict: 'dropped',
      },
    ],
  },
  {
    name: '--dnat over IPv6',
    capture: captureOf(['docker0'], ['172.17.0.1', 'fd00::1'], { localPorts: [80] }),
    packets: [
      {
        name: 'from a bridge to the virtual IP',
        source: '[fd00::3]:40000',
        destination: '[fd00::1]:80',
        from: 'docker0',
        verdict: 'delivered to [fd00::1]:9999',
      },
      {
        name: 'from outside',
        source: '[2001:db8::7]:40000',
        destination: '[fd00::1]:80',
        from: 'eth0',
        verdict: 'delivered to [fd00::1]:80',
      },
      {
        name: 'from the host to a bound port',
        source: '[fd00::1]:40000',
        destination: '[fd00::1]:80',
        verdict: 'delivered to [fd00::1]:9999',
      },
    ],
  },
  ...(['ufw', 'firewalld', 'old firewalld'] as const).map((program): CaptureScene => ({
    name: `--dnat beside ${program}`,
    capture: captureOf(['docker0']),
    beside: [program],
    packets: [
      { name: '[P32] from a bridge to the virtual IP', ...FROM_CONSUMER, verdict: EMBASSY },
      {
        name: '[P32] from outside to the listener',
        source: OUTSIDE,
        destination: '172.17.0.1:9999',
        from: 'eth0',
        verdict: program === 'ufw' ? 'dropped' : 'rejected',
      },
      {
        name: '[P32] from a bridge to a port that the firewall closes',
        ...FROM_CONSUMER,
        destination: '192.0.2.10:25',
        verdict: program === 'ufw' ? 'dropped' : 'rejected',
      },
    ],
  })),
  {
    name: '--redirect',
    capture: redirectOf(['10.1.2.3']),
    packets: [
      {
        name: 'that arrives for an address of the namespace',
        source: OUTSIDE,
        destination: '192.0.2.10:80',
        from: 'eth0',
        verdict: 'delivered to 192.0.2.10:9999',
      },
      {
        name: 'that arrives for the listener itself, at an address of another interface',
        source: OUTSIDE,
        destination: '172.17.0.1:9999',
        from: 'eth0',
        verdict: 'delivered to 172.17.0.1:9999',
      },
      {
        name: 'from a process beside to the virtual IP',
        source: '192.0.2.10:40000',
        destination: '10.1.2.3:80',
        verdict: 'delivered to 127.0.0.1:9999',
      },
      {
        name: '[D11] from embassy to the virtual IP',
        source: '192.0.2.10:40000',
        destination: '10.1.2.3:80',
        mark: OWN_MARK,
        verdict: 'forwarded to 10.1.2.3:80 by eth0',
      },
      {
        name: 'from a process beside to elsewhere',
        source: '192.0.2.10:40000',
        destination: '198.51.100.9:80',
        verdict: 'forwarded to 198.51.100.9:80 by eth0',
      },
      {
        name: 'over loopback to a service beside',
        source: '127.0.0.1:40000',
        destination: '127.0.0.1:80',
        verdict: 'delivered to 127.0.0.1:80',
      },
      {
        name: '[P23] out of the window',
        source: OUTSIDE,
        destination: '192.0.2.10:80',
        from: 'eth0',
        state: 'INVALID',
        verdict: 'dropped',
      },
      {
        name: '[P23] that is invalid, in answer to a process beside',
        source: '198.51.100.9:80',
        destination: '192.0.2.10:40000',
        from: 'eth0',
        state: 'INVALID',
        verdict: 'delivered to 192.0.2.10:40000',
      },
    ],
  },
  {
    name: '--redirect --unbound=pass',
    capture: redirectOf(['10.1.2.3'], { bound: ['192.0.2.10 6379', '198.51.100.7 80'] }),
    packets: [
      {
        name: 'that arrives for what its source bound',
        source: OUTSIDE,
        destination: '192.0.2.10:80',
        from: 'eth0',
        verdict: 'delivered to 192.0.2.10:9999',
      },
      {
        name: 'that arrives for what nobody bound',
        source: OUTSIDE,
        destination: '192.0.2.10:22',
        from: 'eth0',
        verdict: 'delivered to 192.0.2.10:22',
      },
      {
        name: 'from a process beside to what it bound',
        source: '192.0.2.10:40000',
        destination: '10.1.2.3:6379',
        verdict: 'delivered to 127.0.0.1:9999',
      },
      {
        name: 'from a process beside to what another bound',
        source: '192.0.2.10:40000',
        destination: '10.1.2.3:80',
        verdict: 'forwarded to 10.1.2.3:80 by eth0',
      },
    ],
  },
];
