import { formatState, parseState } from './state-document.ts';
import type { LoadedSnapshot, RememberedService, SnapshotStore } from '../../ports/snapshot-store.ts';
import type { StateClient } from './state-client.ts';

/**
 * Keeps the last known endpoints in one checksummed file of the state directory (`--state-dir`).
 */
export class StateStore implements SnapshotStore {
  readonly #client: StateClient;

  constructor(dependencies: { readonly client: StateClient }) {
    this.#client = dependencies.client;
  }

  async load(options: { readonly signal: AbortSignal }): Promise<LoadedSnapshot> {
    const client = this.#client;
    const text = await client.read(options);
    if (text === undefined) return { services: [], problems: [] };
    const parsed = parseState(text, (body) => client.digest(body));
    if (parsed.ok) return { services: parsed.value, problems: [] };
    const aside = await client.setAside();
    const message = `cannot be used: ${parsed.reason}; set aside as ${aside}, starting without it`;
    return { services: [], problems: [{ place: client.path, message }] };
  }

  async save(services: readonly RememberedService[]): Promise<void> {
    const client = this.#client;
    await client.write(formatState(services, (body) => client.digest(body)));
  }
}
