import { environment } from './environment.ts';
import { CGROUP_PARENT } from './leftovers.ts';
import { Machine } from './machine.ts';
import { StartedDockerHost } from './started-docker-host.ts';

import type { StartedNetwork } from 'testcontainers';

/**
 * What an engine inside a container needs, and no more: not `--privileged`, which wants rights that a
 * machine which is itself a container may not have.
 */
const CAPABILITIES = [
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'DAC_READ_SEARCH',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_ADMIN',
  'NET_BIND_SERVICE',
  'NET_RAW',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_ADMIN',
  'SYS_CHROOT',
  'SYS_PTRACE',
];

/**
 * A Docker host in a container: its own engine, docker0 and firewall. It can be killed, restarted and cut
 * off; the machine's own engine and firewall are never touched.
 */
export class DockerHost extends Machine {
  private readonly engineOptions: string[] = [];

  constructor(network: StartedNetwork) {
    super(environment().images.host, network);
    this.withAddedCapabilities(...CAPABILITIES).withSecurityOpt('seccomp=unconfined', 'apparmor=unconfined');
    // "systempaths=unconfined" is a word of the docker command; the engine's API wants these two.
    this.hostConfig.MaskedPaths = [];
    this.hostConfig.ReadonlyPaths = [];
    this.hostConfig.Binds = [...(this.hostConfig.Binds ?? []), '/sys/fs/cgroup:/sys/fs/cgroup:rw'];
  }

  /**
   * Options for its dockerd, such as `--live-restore`, which keeps containers running while the engine is
   * away.
   */
  withEngineOptions(...options: readonly string[]): this {
    this.engineOptions.push(...options);
    return this;
  }

  /** Gives the host once its engine answers and has the client image. */
  override async start(): Promise<StartedDockerHost> {
    const machine = await super.start();
    const host = new StartedDockerHost(machine, {
      network: this.network,
      sharedDirectory: this.sharedDirectory,
      cgroupParent: `/${CGROUP_PARENT}/${machine.getHostname()}`,
      engineOptions: this.engineOptions,
    });
    try {
      await host.startEngine();
      await host.loadImage(environment().clientArchive);
    } catch (error) {
      await host.stop();
      throw error;
    }
    return host;
  }
}
