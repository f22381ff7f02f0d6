import type { AddressPool } from './address-pool.ts';

/** A container that is to be made. */
export interface ContainerSpec {
  readonly name: string;
  /** `NAME=value` each. */
  readonly env?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  /** A network's name, `host`, `none` or `container:<id or name>`; `bridge` when absent. */
  readonly network?: string;
  /** As its document tells them, e.g. `{'80/tcp': '8080'}`: at every address of IPv4. */
  readonly ports?: Readonly<Record<string, string>>;
}

/** A container's place on a network. Empty texts while it does not run. */
export interface SimAttachment {
  readonly networkId: string;
  endpointId: string;
  address: string;
  address6: string;
}

export interface SimContainer {
  readonly id: string;
  name: string;
  readonly env: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly ports: Readonly<Record<string, string>>;
  readonly networkMode: string;
  isRunning: boolean;
  isPaused: boolean;
  startedAt: string;
  /** By the network's name, in the order of connecting. */
  readonly attachments: Map<string, SimAttachment>;
}

export interface SimNetwork {
  readonly id: string;
  readonly name: string;
  readonly driver: string;
  readonly internal: boolean;
  readonly options: Readonly<Record<string, string>>;
  /** What IPv6 addresses begin with, e.g. `fd00:1::`; undefined for a network without IPv6. */
  readonly prefix6: string | undefined;
  /** Undefined for host and none. */
  readonly pool: AddressPool | undefined;
}

/** Builds an id of 64 hexadecimal digits, the same for the same inputs. Pure. */
export function simId(kind: number, sequence: number): string {
  let state = (kind * 0x9e37_79b1 + sequence * 0x85eb_ca6b + 1) >>> 0;
  let id = '';
  for (let part = 0; part < 8; part += 1) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b_3c6d) >>> 0;
    state = (state + 0x6d2b_79f5) >>> 0;
    id += state.toString(16).padStart(8, '0');
  }
  return id;
}
