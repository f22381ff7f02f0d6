import { AdminListenError } from '../adapters/admin/admin-listen-error.ts';
import { openAdminServer } from '../adapters/admin/client.ts';
import { readPage } from '../adapters/page/client.ts';
import { readTokenFile } from '../adapters/node/token-file.ts';
import type { AdminServerDependencies, AdminServerOptions } from '../adapters/admin/client.ts';
import type { AdminChoice } from '../cli/resolve-options.ts';
import type { Log } from '../ports/log.ts';

/**
 * Serves the admin API where it was asked for. A place that nobody named and that cannot be had is said and
 * left out: traffic goes before insight.
 *
 * @returns Disposed, its places are free again.
 * @throws {AdminListenError} A place that was named cannot be had.
 * @throws {TokenFileError} The token cannot be read.
 */
export async function serveAdmin(
  dependencies: Omit<AdminServerDependencies, 'page'> & { readonly log: Log },
  choice: AdminChoice,
  options: {
    readonly readsNeedToken: () => boolean;
  },
): Promise<AsyncDisposable> {
  const { log } = dependencies;
  const token = choice.tokenFile === undefined ? undefined : readTokenFile(choice.tokenFile);
  const places: { readonly at: AdminServerOptions['at']; readonly given: boolean }[] = [];
  if (choice.socket !== undefined) {
    places.push({ at: { kind: 'socket', path: choice.socket.path }, given: choice.socket.given });
  }
  if (choice.listen !== undefined) {
    const { address, port, given } = choice.listen;
    places.push({ at: { kind: 'tcp', address, port }, given });
  }
  const page = readPage();
  await using opened = new AsyncDisposableStack();
  for (const { at, given } of places) {
    try {
      const { readsNeedToken } = options;
      opened.use(await openAdminServer({ ...dependencies, page }, { at, token, readsNeedToken }));
    } catch (error) {
      if (given || !(error instanceof AdminListenError)) throw error;
      log.info(`${error.message}; going on without`);
    }
  }
  return opened.move();
}
