import type { MarathonAnswer } from '../../src/adapters/marathon/marathon-client.ts';
import type { MarathonCluster } from './marathon-cluster.ts';

const JSON_TYPE = 'application/json';

/**
 * Answers a question as a master of a cluster does.
 *
 * @param name - Of each master, as its redirects write it: `host:port`.
 * @returns Undefined where the master says nothing at all.
 */
export function answerQuestion(
  cluster: MarathonCluster,
  question: { readonly master: number; readonly method: string; readonly path: string },
  name: (master: number) => string,
): MarathonAnswer | undefined {
  const { master, method, path } = question;
  const { health } = cluster.masters[master] ?? { health: 'down' };
  if (health === 'silent' || health === 'down') return undefined;
  if (health === 'html') return plain(200, '<html>Service temporarily unavailable</html>', 'text/html');
  if (health === 'error') return plain(503, 'Could not determine the current leader', 'text/plain');
  if (cluster.isForbidden) return plain(401, 'Unauthorized', 'text/plain');
  if (cluster.redirects && master !== cluster.leader) {
    return { ...plain(302, '', 'text/plain'), location: `http://${name(cluster.leader)}${path}` };
  }
  if (path === '/v2/info') return json(200, { name: 'marathon', version: `${cluster.version}.0` });
  if (path.startsWith('/v2/eventSubscriptions')) return subscription(cluster, method, path);
  const [, id, rest] = /^\/v2\/apps(\/.+?)(\/tasks)?(?:\?.*)?$/.exec(decodeURIComponent(path)) ?? [];
  if (id === undefined) return json(404, { message: 'not found' });
  const app = cluster.app(id);
  if (app === undefined) return json(404, { message: `App '${id}' does not exist` });
  return rest === undefined ? json(200, { app }) : json(200, { tasks: app.tasks ?? [] });
}

function subscription(cluster: MarathonCluster, method: string, path: string): MarathonAnswer {
  if (cluster.way !== 'callback') return json(404, { message: 'not found' });
  const url = decodeURIComponent(/callbackUrl=([^&]*)/.exec(path)?.[1] ?? '');
  if (method === 'POST') cluster.subscriptions.add(url);
  if (method === 'DELETE') cluster.subscriptions.delete(url);
  return json(200, { callbackUrls: [...cluster.subscriptions] });
}

function json(status: number, document: unknown): MarathonAnswer {
  return plain(status, JSON.stringify(document), JSON_TYPE);
}

function plain(status: number, text: string, contentType: string): MarathonAnswer {
  return { status, contentType, location: undefined, text };
}
