import { AdminClient, AskError } from '../adapters/admin-client/admin-client.ts';
import { HttpAdminTransport, isThere } from '../adapters/admin-client/client.ts';
import { answerAsking } from '../cli/asking/answer-asking.ts';
import { readTokenFile, TokenFileError } from '../adapters/node/token-file.ts';
import type { AskOptions, Asking } from '../cli/asking/resolve-asking.ts';
import type { Clock } from '../ports/clock.ts';

/** Clears a terminal and goes to its first line. @see ECMA-48, ED and CUP. */
const CLEAR_TERMINAL = '\u001b[2J\u001b[H';

/** The daemon cannot be asked. */
const EXIT_FAILED = 1;

/** What asking needs from the process. */
export interface AskDependencies {
  readonly clock: Clock;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Writes an instant (milliseconds since 1970 UTC) for people. */
  readonly formatTime: (atMs: number) => string;
}

/**
 * Asks the daemon that runs on this host, and shows what it answers.
 *
 * @param terminal - Where the answer is shown; undefined where that is no terminal, and nothing is cut.
 * @param signal - Ends what goes on for ever.
 * @returns The exit code.
 */
export async function askDaemon(
  { clock, out, err, formatTime }: AskDependencies,
  asking: Asking,
  options: { readonly terminal: { readonly columns: number } | undefined; readonly signal: AbortSignal },
): Promise<number> {
  const { terminal, signal } = options;
  try {
    const dependencies = {
      clock,
      daemon: daemonOf(asking.options),
      display: { columns: terminal?.columns, formatTime },
      show: (lines: readonly string[], { again }: { readonly again: boolean }): void => {
        const start = !again ? '' : terminal === undefined ? '\n' : CLEAR_TERMINAL;
        out(`${start}${lines.join('\n')}\n`);
      },
    };
    return await answerAsking(dependencies, asking, { signal });
  } catch (error) {
    if (!(error instanceof AskError) && !(error instanceof TokenFileError)) throw error;
    err(`embassy: ${error.message}\n`);
    return EXIT_FAILED;
  }
}

/**
 * Chooses where it is asked: at the TCP address where that was named, else at the unix socket if it is there,
 * else at the TCP address.
 */
function daemonOf(options: AskOptions): AdminClient {
  const { socket, listen, prefersListen, tokenFile } = options;
  const token = tokenFile === undefined ? undefined : readTokenFile(tokenFile);
  const usesSocket = listen === undefined || (!prefersListen && socket !== undefined && isThere(socket));
  if (usesSocket && socket !== undefined) {
    const transport = new HttpAdminTransport({ kind: 'socket', path: socket }, { token });
    return new AdminClient(transport, { where: socket });
  }
  if (listen === undefined)
    throw new AskError('nobody can be asked: --admin-socket and --admin-listen are off');
  const { address: host, port } = listen;
  const transport = new HttpAdminTransport({ kind: 'tcp', host, port }, { token });
  return new AdminClient(transport, { where: `${host}:${port}` });
}
