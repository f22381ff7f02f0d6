import { z } from 'zod';

import { CHECKOUT_INSIDE, NODE_INSIDE } from './checkout.ts';
import { environment } from './environment.ts';
import { Machine } from './machine.ts';

import type { StartedNetwork } from 'testcontainers';
import type { RunningProcess } from './running-process.ts';
import type { StartedMachine } from './started-machine.ts';

const PROGRAM = `${CHECKOUT_INSIDE}/e2e/support/endpoint-server.ts`;
const LISTEN_TIMEOUT_MS = 10_000;

const STREAM_REPORT = z.object({ name: z.string(), receivedBytes: z.number().int(), sha256: z.string() });

/** What a stream endpoint says of the bytes it received, in its first line. */
export type StreamReport = z.infer<typeof STREAM_REPORT>;

export type EndpointOptions =
  /** Answers every request with its name and a newline. */
  | { readonly kind: 'http'; readonly name: string; readonly port: number; readonly address?: string }
  /** Reads until FIN, answers with a StreamReport line and `sendBytes` of `streamPayload`, and closes. */
  | {
      readonly kind: 'stream';
      readonly name: string;
      readonly port: number;
      readonly address?: string;
      readonly sendBytes: number;
    };

/** A server process somewhere to be reached at `address:port`. Its log has one line per request. */
export interface Endpoint extends AsyncDisposable {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly process: RunningProcess;
}

/**
 * Makes a machine without an engine for endpoints: another host of the network, with an address of its own.
 */
export function endpointMachine(network: StartedNetwork): Machine {
  return new Machine(environment().images.host, network);
}

/**
 * Starts an endpoint in a machine.
 *
 * @param options - `address` defaults to the machine's own; the port must be free there
 * @returns its handle, once it listens
 */
export async function startEndpoint(machine: StartedMachine, options: EndpointOptions): Promise<Endpoint> {
  const { kind, name, port, address = machine.address } = options;
  const bytes = kind === 'stream' ? [String(options.sendBytes)] : [];
  const argv = [NODE_INSIDE, PROGRAM, kind, name, address, String(port), ...bytes];
  const process = await machine.startProcess(argv, { name: `endpoint-${name}` });
  await process.waitForLog(/ listens on /u, LISTEN_TIMEOUT_MS);
  return { name, address, port, process, [Symbol.asyncDispose]: () => process[Symbol.asyncDispose]() };
}

/**
 * Parses a stream endpoint's first line.
 *
 * @throws {Error} when it is not one
 */
export function parseStreamReport(line: string): StreamReport {
  return STREAM_REPORT.parse(JSON.parse(line));
}
