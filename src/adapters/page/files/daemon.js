/** What the daemon is asked with, in memory alone: a token that was typed in is gone with the page. */
let token = '';

/** Asked again so long after the connection was lost, in milliseconds. */
const AGAIN_MS = 1_000;

/** Thrown when the daemon wants a token, or another one. */
export class TokenNeeded extends Error {}

/** From now on brings this token. */
export function useToken(given) {
  token = given;
}

/** Reads a document of the API; throws with the daemon's own words what is wrong with the question. */
export async function read(path) {
  const response = await fetch(path, { cache: 'no-store', headers: headers() });
  const document = await response.json();
  if (response.status === 401) throw new TokenNeeded(document.problem);
  if (document.problem !== undefined) throw new Error(document.problem);
  return document;
}

/**
 * Calls back after each change of the daemon, for ever; `onLost` says that it cannot be heard. Not an
 * EventSource: that brings no token.
 */
export async function follow(onChange, onLost) {
  for (;;) {
    try {
      const response = await fetch('/v1/stream', { cache: 'no-store', headers: headers() });
      if (!response.ok) throw response.status === 401 ? new TokenNeeded() : new Error();
      const reader = response.body.getReader();
      for (;;) {
        const { done } = await reader.read();
        if (done) break;
        onChange();
      }
      onLost();
    } catch (error) {
      onLost(error instanceof TokenNeeded);
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

function headers() {
  return token === '' ? {} : { authorization: `Bearer ${token}` };
}
