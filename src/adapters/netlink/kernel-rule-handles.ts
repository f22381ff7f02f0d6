import { readRuleAnswer, rulesRequest } from './rule-messages.ts';
import type { RuleHandles, RulePlaces } from '../../ports/rule-handles.ts';
import type { NetfilterClient, NetfilterSocket } from './netfilter-client.ts';

/** The most parts of an answer that are read; a chain of a few rules has one or two. */
const PARTS_MAX = 64;

/** Asks the kernel of this network namespace. Holds nothing open in between. */
export class KernelRuleHandles implements RuleHandles {
  readonly #client: NetfilterClient;

  constructor(client: NetfilterClient) {
    this.#client = client;
  }

  read({ table, chains }: RulePlaces): readonly bigint[] | undefined {
    const socket = this.#client.open();
    if (socket === undefined) return undefined;
    try {
      const all: bigint[] = [];
      for (const chain of chains) {
        const handles = ask(socket, rulesRequest({ table }, chain));
        if (handles === undefined) return undefined;
        all.push(...handles);
      }
      return all;
    } finally {
      socket.close();
    }
  }
}

function ask(socket: NetfilterSocket, request: Uint8Array): readonly bigint[] | undefined {
  if (!socket.send(request)) return undefined;
  const all: bigint[] = [];
  for (let parts = 0; parts < PARTS_MAX; parts += 1) {
    const bytes = socket.read();
    if (bytes === undefined) return undefined;
    const { handles, state } = readRuleAnswer(bytes);
    if (state === 'failed') return undefined;
    all.push(...handles);
    if (state === 'done') return all;
  }
  return undefined;
}
