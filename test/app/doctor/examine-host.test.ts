import assert from 'node:assert/strict';
import { SimClock } from '../../../sim/clock.ts';
import { examineHost } from '../../../src/app/doctor/examine-host.ts';
import { settle } from '../../support/settle.ts';
import { JUMP, LISTENER, NOW_MS, RULES, WISHES, healthyHost } from './healthy-host.ts';
import type { Finding } from '../../../src/app/doctor/finding.ts';
import type { HostWishes } from '../../../src/app/doctor/host-facts.ts';
import type { HostSources, RuleFacts } from '../../../src/ports/host-sources.ts';
import type { HostChange } from './healthy-host.ts';

const { signal } = new AbortController();

interface HostRow {
  readonly name: string;
  readonly change?: HostChange;
  readonly wishes?: Partial<HostWishes>;
  /** The only findings that are not ok, in order. */
  readonly finds: readonly {
    readonly check: string;
    readonly state: Finding['state'];
    readonly seen: RegExp;
    readonly advice: RegExp;
  }[];
}

function rules(change: Partial<RuleFacts>): HostChange {
  return { rules: async () => ({ ...RULES, ...change }) };
}

function failing(message: string): () => Promise<never> {
  return async () => {
    throw new Error(message);
  };
}

/** No daemon, and nobody at its port. */
const STOPPED: HostChange = { daemonVersion: async () => undefined, listeningPorts: () => [] };

function discovery(kind: 'unreachable' | 'forbidden', reason: string): Pick<HostSources, 'discoveries'> {
  const outage = { kind, reason } as const;
  return { discoveries: [{ name: 'etcd', probe: async () => outage, serverTimeMs: async () => undefined }] };
}

function clock(aheadMs: number): HostChange {
  const serverTimeMs = async (): Promise<number> => NOW_MS + aheadMs;
  return { discoveries: [{ name: 'consul', probe: async () => undefined, serverTimeMs }] };
}

const HOSTS: readonly HostRow[] = [
  { name: 'a healthy host', finds: [] },
  {
    name: 'a host on which embassy is yet to start',
    change: { ...STOPPED, ...rules({ jumps: [] }) },
    finds: [],
  },
  {
    name: 'a healthy host whose kernel carries connections',
    change: { nftTables: async () => ['inet embassy'] },
    wishes: { proxier: 'nftables' },
    finds: [],
  },
  {
    name: 'a machine without Docker',
    change: STOPPED,
    wishes: { provider: 'static', capture: 'listen' },
    finds: [
      { check: 'rules of embassy', state: 'wrong', seen: /PREROUTING are left/, advice: /embassy cleanup/ },
    ],
  },
  {
    name: 'an engine that is away',
    change: { engineProblems: failing('there is no such socket'), virtualIps: failing('no bridge') },
    finds: [
      { check: 'engine', state: 'wrong', seen: /there is no such socket/, advice: /systemctl start docker/ },
      { check: 'virtual IP', state: 'wrong', seen: /no bridge/, advice: /--virtual-ip/ },
    ],
  },
  {
    name: 'an engine that is rootless',
    change: { engineProblems: async () => [{ place: 'docker', message: 'the engine is rootless' }] },
    finds: [
      { check: 'engine', state: 'wrong', seen: /docker: the engine is rootless/, advice: /containers are/ },
    ],
  },
  {
    name: 'a discovery that cannot be asked',
    change: discovery('unreachable', 'nobody listens there'),
    finds: [
      {
        check: 'discovery etcd',
        state: 'wrong',
        seen: /cannot be asked: nobody listens/,
        advice: /-discovery/,
      },
    ],
  },
  {
    name: 'a discovery that refuses to tell',
    change: discovery('forbidden', 'it rejected the token'),
    finds: [
      {
        check: 'discovery etcd',
        state: 'wrong',
        seen: /refuses to tell: it rejected/,
        advice: /give it rights/,
      },
    ],
  },
  {
    name: 'a clock that is behind',
    change: clock(60_000),
    finds: [{ check: 'clock', state: 'warning', seen: /^60 s behind consul's$/, advice: /timedatectl/ }],
  },
  {
    name: 'a clock that is far ahead',
    change: clock(-3_600_000),
    finds: [
      { check: 'clock', state: 'wrong', seen: /^3600 s ahead of consul's: certif/, advice: /timedatectl/ },
    ],
  },
  {
    name: 'a clock that was never set',
    change: { wallMs: () => 0 },
    finds: [{ check: 'clock', state: 'wrong', seen: /before embassy was written/, advice: /timedatectl/ }],
  },
  {
    name: 'a limit of files below the connections',
    change: { openFileLimit: () => 1_024 },
    finds: [{ check: 'open files', state: 'warning', seen: /may have 1024/, advice: /LimitNOFILE/ }],
  },
  {
    name: 'a port that something else has',
    change: { ...STOPPED, ...rules({ jumps: [] }), listeningPorts: () => [LISTENER] },
    finds: [{ check: 'daemon', state: 'wrong', seen: /something else listens at port 9999/, advice: /^ss / }],
  },
  {
    name: 'a host that does not forward, which userspace can do without',
    change: { settings: { 'net/ipv4/ip_forward': '0\n' } },
    finds: [
      { check: 'forwarding', state: 'warning', seen: /is 0/, advice: /^sysctl -w net.ipv4.ip_forward=1/ },
    ],
  },
  {
    name: 'a host that does not forward, which the kernel needs',
    change: { settings: { 'net/ipv4/ip_forward': '0\n' }, nftTables: async () => ['inet embassy'] },
    wishes: { proxier: 'nftables' },
    finds: [{ check: 'forwarding', state: 'wrong', seen: /never leaves this host/, advice: /^sysctl/ }],
  },
  {
    name: 'a host whose forwarding may not be read',
    change: { settings: { 'net/ipv4/ip_forward': undefined } },
    finds: [{ check: 'forwarding', state: 'warning', seen: /cannot be read/, advice: /^sysctl/ }],
  },
  {
    name: '[P32] bridges past which rules do not look',
    change: { settings: { 'net/bridge/bridge-nf-call-iptables': '0\n' } },
    finds: [
      { check: 'bridges', state: 'warning', seen: /iptables is 0: Docker's own/, advice: /^modprobe br_net/ },
    ],
  },
  {
    name: '[P32] bridges without br_netfilter',
    change: { settings: { 'net/bridge/bridge-nf-call-iptables': undefined } },
    finds: [{ check: 'bridges', state: 'warning', seen: /br_netfilter is not loaded/, advice: /^modprobe/ }],
  },
  {
    name: '[P30] a table of connections that fills up',
    change: { settings: { 'net/netfilter/nf_conntrack_count': '800' } },
    finds: [
      {
        check: 'tracked connections',
        state: 'warning',
        seen: /^800 of at most 1000 \(80 %\)/,
        advice: /--conntrack-max=2000/,
      },
    ],
  },
  {
    name: '[P30] a table of connections that is full',
    change: { settings: { 'net/netfilter/nf_conntrack_count': '1000' } },
    finds: [
      { check: 'tracked connections', state: 'wrong', seen: /\(100 %\): new conn/, advice: /conntrack -S/ },
    ],
  },
  {
    name: '[P30] a kernel that tracks nothing yet',
    change: {
      settings: {
        'net/netfilter/nf_conntrack_count': undefined,
        'net/netfilter/nf_conntrack_tcp_timeout_established': undefined,
      },
    },
    finds: [],
  },
  {
    name: 'idle connections that are forgotten before a program keeps them alive',
    change: {
      settings: { 'net/netfilter/nf_conntrack_tcp_timeout_established': '600' },
      nftTables: async () => ['inet embassy'],
    },
    wishes: { proxier: 'nftables' },
    finds: [
      { check: 'idle connections', state: 'warning', seen: /600 s.*every 7200 s/, advice: /-timeout=7200/ },
    ],
  },
  {
    name: 'idle connections whose time is short, and which embassy itself keeps alive',
    change: { settings: { 'net/netfilter/nf_conntrack_tcp_timeout_established': '600' } },
    finds: [],
  },
  {
    name: 'idle connections that are forgotten before even embassy keeps them alive',
    change: { settings: { 'net/netfilter/nf_conntrack_tcp_timeout_established': '10' } },
    finds: [
      { check: 'idle connections', state: 'warning', seen: /10 s .* too soon/, advice: /-timeout=7200/ },
    ],
  },
  {
    name: 'rules that may not be read',
    change: { rules: failing('iptables may not touch the rules') },
    finds: [{ check: 'rules', state: 'wrong', seen: /may not touch/, advice: /as root, or use --listen/ }],
  },
  {
    name: 'rules that may not be read where none are needed',
    change: { ...STOPPED, rules: failing('iptables may not touch the rules') },
    wishes: { provider: 'static', capture: 'listen' },
    finds: [],
  },
  {
    name: 'no iptables, but nft, which writes the rules',
    change: { rules: async () => undefined, nftTables: async () => ['inet embassy-capture'] },
    finds: [],
  },
  {
    name: 'neither iptables nor nft',
    change: { rules: async () => undefined, nftTables: failing('there is no nft command') },
    finds: [
      {
        check: 'rules of embassy',
        state: 'wrong',
        seen: /not installed, .*no nft command/,
        advice: /apt-get install iptables .*or use --listen/,
      },
    ],
  },
  {
    name: 'neither of them where none are needed',
    change: { ...STOPPED, rules: async () => undefined, nftTables: failing('there is no nft command') },
    wishes: { provider: 'static', capture: 'listen' },
    finds: [],
  },
  {
    name: '[P27] rules of nft that somebody wiped',
    change: { rules: async () => undefined },
    finds: [{ check: 'rules of embassy', state: 'wrong', seen: /has no rule/, advice: /after 5 s/ }],
  },
  {
    name: '[P28] rules of nft that a crash left',
    change: { ...STOPPED, rules: async () => undefined, nftTables: async () => ['inet embassy-capture'] },
    finds: [
      {
        check: 'rules of embassy',
        state: 'wrong',
        seen: /inet embassy-capture is left, but no embassy runs/,
        advice: /embassy cleanup/,
      },
    ],
  },
  {
    name: '[P32] a firewall that drops what is forwarded, where Docker writes no rules',
    change: rules({ firewalls: ['ufw'], isForwardClosed: true }),
    wishes: { proxier: 'auto' },
    finds: [
      {
        check: 'chain FORWARD',
        state: 'warning',
        seen: /FORWARD drops .*\(ufw\)/,
        advice: /ufw route allow/,
      },
      { check: 'data plane', state: 'warning', seen: /is not there/, advice: /after 5 s/ },
    ],
  },
  {
    name: '[P28] a rule between bridges that a crash left',
    change: { ...STOPPED, ...rules({ jumps: [], passages: ['iptables, DOCKER-USER'] }) },
    finds: [
      {
        check: 'from bridge to bridge',
        state: 'warning',
        seen: /iptables, DOCKER-USER, but no embassy runs/,
        advice: /embassy cleanup/,
      },
    ],
  },
  {
    name: 'a rule between bridges, as it has to be',
    change: rules({ passages: ['iptables, DOCKER-USER'] }),
    finds: [],
  },
  {
    name: '[P27] rules that somebody wiped',
    change: rules({ jumps: [] }),
    finds: [{ check: 'rules of embassy', state: 'wrong', seen: /has no rule/, advice: /after 5 s/ }],
  },
  {
    name: '[P27] rules that stand behind those of others',
    change: rules({ jumps: [{ ...JUMP, behind: 3 }] }),
    finds: [
      {
        check: 'rules of embassy',
        state: 'warning',
        seen: /behind 3 rules of others/,
        advice: /embassy cleanup/,
      },
    ],
  },
  {
    name: '[P27] a table of the kernel that somebody wiped',
    wishes: { proxier: 'auto' },
    finds: [
      { check: 'data plane', state: 'warning', seen: /inet embassy is not there/, advice: /after 5 s/ },
    ],
  },
  {
    name: '[P28] rules that a crash left',
    change: STOPPED,
    finds: [
      { check: 'rules of embassy', state: 'wrong', seen: /no embassy runs/, advice: /embassy cleanup/ },
    ],
  },
  {
    name: '[P28] rules that a crash doubled, and a chain that it emptied',
    change: rules({ jumps: [{ ...JUMP, count: 2, rules: 0 }] }),
    finds: [
      { check: 'rules of embassy', state: 'wrong', seen: /is there 2 times/, advice: /embassy cleanup/ },
      {
        check: 'rules of embassy',
        state: 'wrong',
        seen: /chain EMBASSY is empty/,
        advice: /embassy cleanup/,
      },
    ],
  },
  {
    name: '[P28] a table of the kernel that a crash left',
    change: { ...STOPPED, ...rules({ jumps: [] }), nftTables: async () => ['inet embassy'] },
    finds: [{ check: 'data plane', state: 'wrong', seen: /inet embassy is left/, advice: /embassy cleanup/ }],
  },
  {
    name: '[P28] a table of the kernel that was left on purpose',
    change: { ...STOPPED, ...rules({ jumps: [] }), nftTables: async () => ['inet embassy'] },
    wishes: { proxier: 'nftables', keepRules: true },
    finds: [],
  },
  {
    name: '[P29] rules in both variants of iptables',
    change: rules({ variants: ['nft', 'legacy'], mixed: 'This host has rules in both variants.' }),
    finds: [
      {
        check: 'variants of iptables',
        state: 'warning',
        seen: /both variants/,
        advice: /update-alternatives/,
      },
    ],
  },
  {
    name: '[P29] a nat table that was written with nft',
    change: rules({ incompatible: ['nat'] }),
    finds: [
      { check: 'rules of others', state: 'wrong', seen: /table nat holds/, advice: /nft list ruleset/ },
    ],
  },
  {
    name: '[P29] a filter table that was written with nft',
    change: rules({ incompatible: ['filter'] }),
    finds: [{ check: 'rules of others', state: 'warning', seen: /table filter/, advice: /nft list ruleset/ }],
  },
  {
    name: '[P32] a firewall that closes INPUT and that nothing opens',
    change: rules({ firewalls: ['ufw'], isInputClosed: true }),
    finds: [{ check: 'firewall', state: 'wrong', seen: /closed \(ufw\).*hang/, advice: /restart embassy/ }],
  },
  {
    name: '[P32] a firewall that embassy opened',
    change: rules({ firewalls: ['ufw'], isInputClosed: true, isInputOpened: true }),
    finds: [],
  },
  {
    name: '[P32] a firewall that embassy will open',
    change: { ...STOPPED, ...rules({ jumps: [], isInputClosed: true }) },
    finds: [],
  },
  {
    name: '[P32] a firewalld in a table of its own',
    change: { nftTables: async () => ['inet firewalld'] },
    finds: [{ check: 'firewall', state: 'warning', seen: /zone that accepts/, advice: /--zone=docker/ }],
  },
  {
    name: 'a host without nft, which auto can do without',
    change: { nftTables: failing('there is no nft command') },
    wishes: { proxier: 'auto' },
    finds: [
      { check: 'data plane', state: 'warning', seen: /carried in userspace/, advice: /install nftables/ },
    ],
  },
  {
    name: 'a host without nft, which was asked for',
    change: { nftTables: failing('there is no nft command') },
    wishes: { proxier: 'nftables' },
    finds: [{ check: 'data plane', state: 'wrong', seen: /no nft command/, advice: /--proxier=userspace/ }],
  },
  {
    name: 'a daemon whose admin API is off, by its rules and its port',
    change: { daemonVersion: async () => undefined },
    finds: [],
  },
];

describe('examineHost', () => {
  for (const { name, change, wishes, finds } of HOSTS) {
    it(`judges ${name}`, async () => {
      const findings = await examine(healthyHost(change), { ...WISHES, ...wishes });
      const trouble = findings.filter(({ state }) => state !== 'ok');
      assert.deepEqual(
        trouble.map(({ check, state }) => ({ check, state })),
        finds.map(({ check, state }) => ({ check, state })),
        JSON.stringify(trouble),
      );
      for (const [index, { seen, advice }] of finds.entries()) {
        assert.match(trouble[index]?.seen ?? '', seen);
        assert.match(trouble[index]?.advice ?? '', advice);
      }
    });
  }

  it('[P31] says whose address endpoints see', async () => {
    const findings = await examine(healthyHost(), WISHES);
    const found = findings.find(({ check }) => check === 'source address');
    assert.match(found?.seen ?? '', /an address of this host in the place of the consumer's/);
  });

  for (const { does, change, seen, advice } of [
    { does: 'how they may see the other', change: {}, seen: /has ';source=keep'$/, advice: /^$/ },
    {
      does: 'what Docker does with answers to it',
      change: rules({ guardsContainers: true }),
      seen: /that Docker trusts$/,
      advice: /trusted_host_interfaces/,
    },
  ]) {
    it(`[P31] says where the kernel carries ${does}`, async () => {
      const findings = await examine(healthyHost(change), { ...WISHES, proxier: 'auto' });
      const found = findings.find(({ check }) => check === 'source address');
      assert.match(found?.seen ?? '', seen);
      assert.match(found?.advice ?? '', advice);
    });
  }

  it('waits ten seconds for what does not answer, and finds that out for all at once', async () => {
    const time = new SimClock(settle);
    const never = async (): Promise<never> => Promise.withResolvers<never>().promise;
    const sources = healthyHost({ rules: never, engineProblems: never, nftTables: never });
    const seen: (readonly Finding[])[] = [];
    void examineHost({ clock: time, sources }, WISHES, { signal }).then((found) => {
      seen.push(found);
    });
    await time.advance(9_999);
    assert.equal(seen.length, 0);
    await time.advance(1);
    await settle();
    const wrong = seen.flat().filter(({ state }) => state === 'wrong');
    assert.deepEqual(
      wrong.map((finding) => finding.seen),
      ['the engine: no answer within 10 s', 'iptables: no answer within 10 s'],
    );
  });

  it('gives up with the reason it is told', async () => {
    const ended = new AbortController();
    const never = async (): Promise<never> => Promise.withResolvers<never>().promise;
    const examination = examineHost(
      { clock: new SimClock(settle), sources: healthyHost({ rules: never }) },
      WISHES,
      { signal: ended.signal },
    );
    ended.abort(new Error('enough'));
    await assert.rejects(examination, /enough/);
  });
});

async function examine(sources: HostSources, wishes: HostWishes): Promise<readonly Finding[]> {
  return examineHost({ clock: new SimClock(settle), sources }, wishes, { signal });
}
