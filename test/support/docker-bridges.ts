/** The bridges of `KernelLab`, which Docker keeps apart. */
const BRIDGES = ['docker0', 'br-other'] as const;

/** What a version of Docker writes for two bridges, for iptables-restore; of each family. */
export interface DockerRules {
  readonly name: string;
  readonly four: string;
  readonly six: string;
}

const [each, stage1, stage2] = [
  (text: (bridge: string) => string): string => BRIDGES.map(text).join('\n'),
  (bridge: string): string =>
    `-A DOCKER-ISOLATION-STAGE-1 -i ${bridge} ! -o ${bridge} -j DOCKER-ISOLATION-STAGE-2`,
  (bridge: string): string => `-A DOCKER-ISOLATION-STAGE-2 -o ${bridge} -j DROP`,
];

/**
 * 172.31.0.5 of the other bridge publishes its port 80 as 8080.
 *
 * @see moby, integration/network/bridge/iptablesdoc, and 20.10's libnetwork/drivers/bridge.
 */
const NAT = `*nat
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.30.0.0/24 ! -o docker0 -j MASQUERADE
-A POSTROUTING -s 172.31.0.0/24 ! -o br-other -j MASQUERADE
-A DOCKER ! -i br-other -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.31.0.5:80
COMMIT
`;

const FILTER_20 = `*filter
:FORWARD DROP [0:0]
:DOCKER - [0:0]
:DOCKER-ISOLATION-STAGE-1 - [0:0]
:DOCKER-ISOLATION-STAGE-2 - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
${each((bridge) => `-A FORWARD -o ${bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`)}
${each((bridge) => `-A FORWARD -o ${bridge} -j DOCKER`)}
${each((bridge) => `-A FORWARD -i ${bridge} ! -o ${bridge} -j ACCEPT`)}
${each((bridge) => `-A FORWARD -i ${bridge} -o ${bridge} -j ACCEPT`)}
${each(stage1)}
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
${each(stage2)}
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
-A DOCKER-USER -j RETURN
COMMIT
`;

const FILTER_28 = `*filter
:FORWARD DROP [0:0]
:DOCKER - [0:0]
:DOCKER-BRIDGE - [0:0]
:DOCKER-CT - [0:0]
:DOCKER-FORWARD - [0:0]
:DOCKER-ISOLATION-STAGE-1 - [0:0]
:DOCKER-ISOLATION-STAGE-2 - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-FORWARD
${each((bridge) => `-A DOCKER ! -i ${bridge} -o ${bridge} -j DROP`)}
${each((bridge) => `-A DOCKER-BRIDGE -o ${bridge} -j DOCKER`)}
${each((bridge) => `-A DOCKER-CT -o ${bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`)}
-A DOCKER-FORWARD -j DOCKER-CT
-A DOCKER-FORWARD -j DOCKER-ISOLATION-STAGE-1
-A DOCKER-FORWARD -j DOCKER-BRIDGE
${each((bridge) => `-A DOCKER-FORWARD -i ${bridge} -j ACCEPT`)}
${each(stage1)}
${each(stage2)}
COMMIT
`;

/** Nobody reaches a container's own address from elsewhere; since 28. */
const RAW = (containers: readonly (readonly [address: string, bridge: string])[]): string =>
  ['*raw', ...containers.map(([to, via]) => `-A PREROUTING -d ${to} ! -i ${via} -j DROP`), 'COMMIT', ''].join(
    '\n',
  );

/** The generations of Docker's rules. */
export const DOCKER_RULES: readonly DockerRules[] = [
  { name: 'Docker 20.10', four: NAT + FILTER_20, six: FILTER_20 },
  {
    name: 'Docker 28',
    four:
      RAW([
        ['172.31.0.5/32', 'br-other'],
        ['172.30.0.2/32', 'docker0'],
      ]) +
      NAT +
      FILTER_28,
    six:
      RAW([
        ['fd32::5/128', 'br-other'],
        ['fd30::2/128', 'docker0'],
      ]) + FILTER_28,
  },
];

/** Takes all of it away again. */
export const NO_DOCKER = ['raw', 'nat', 'filter']
  .map((table) => `*${table}\n${table === 'filter' ? ':FORWARD ACCEPT [0:0]\n' : ''}-F\n-X\nCOMMIT\n`)
  .join('');
