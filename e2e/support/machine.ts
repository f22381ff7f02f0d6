import { chmod, mkdir } from 'node:fs/promises';
import path from 'node:path';

import { GenericContainer } from 'testcontainers';

import { CHECKOUT, CHECKOUT_INSIDE } from './checkout.ts';
import { environment } from './environment.ts';
import { RUN_LABEL } from './leftovers.ts';
import { SHARED_DIRECTORY, StartedMachine } from './started-machine.ts';

import type { StartedNetwork } from 'testcontainers';

let made = 0;

/**
 * A container that plays a machine: it idles, processes are started in it and watched through a folder it
 * shares with us. Its address stays while its processes come and go.
 */
export class Machine extends GenericContainer {
  protected readonly network: StartedNetwork;
  protected readonly sharedDirectory: string;

  constructor(image: string, network: StartedNetwork) {
    super(image);
    made += 1;
    this.network = network;
    this.sharedDirectory = path.join(environment().runDirectory, `machine-${made}`);
    this.hostConfig.Init = true;
    this.withNetwork(network)
      .withLabels({ [RUN_LABEL]: String(process.pid) })
      .withCommand(['sleep', 'infinity'])
      .withBindMounts([
        { source: CHECKOUT, target: CHECKOUT_INSIDE, mode: 'ro' },
        { source: this.sharedDirectory, target: SHARED_DIRECTORY, mode: 'rw' },
      ]);
  }

  override async start(): Promise<StartedMachine> {
    await this.makeSharedDirectory();
    return new StartedMachine(await super.start(), this.network, this.sharedDirectory);
  }

  /** Made by us and open to all, so that neither we nor the machine's root depend on the other's rights. */
  protected async makeSharedDirectory(): Promise<void> {
    await mkdir(this.sharedDirectory, { recursive: true });
    await chmod(this.sharedDirectory, 0o777);
  }
}
