import type { AddressFamily } from '../../../src/domain/address.ts';
import type { BridgePassage } from '../../../src/ports/bridge-passage.ts';

/** What Docker does with what goes between its bridges, with an exception for what has our mark. */
export const APART = `
add table inet docker
add chain inet docker FORWARD { type filter hook forward priority 0; }
add rule inet docker FORWARD meta mark & 0x6 == 0x6 accept
add rule inet docker FORWARD iifname docker0 oifname br-other drop
add rule inet docker FORWARD iifname br-other oifname docker0 drop
`;

/** Says what it is told to, and what it was asked. */
export class ScriptedPassage implements BridgePassage {
  readonly mark = 6;
  readonly asked: string[] = [];
  reason: string | undefined;

  async ensure(virtualIps: readonly string[]): Promise<ReadonlyMap<AddressFamily, string>> {
    this.asked.push(`ensure ${virtualIps.join()}`);
    return Promise.resolve(new Map(this.reason === undefined ? [] : [[4, this.reason]]));
  }

  async cleanup(): Promise<boolean> {
    this.asked.push('cleanup');
    return Promise.resolve(true);
  }
}
