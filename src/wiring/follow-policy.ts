import { parsePolicy } from '../adapters/access-policy/parse-policy.ts';
import { createFileClient } from '../adapters/node/file-client.ts';
import { formatProblem } from '../domain/result.ts';
import { followText } from './follow-text.ts';
import type { Daemon } from '../app/daemon.ts';
import type { AccessPolicy } from '../domain/access-policy.ts';
import type { Problem } from '../domain/result.ts';
import type { Clock } from '../ports/clock.ts';
import type { FileClient } from '../ports/file-client.ts';
import type { Log } from '../ports/log.ts';

/** Thrown when there is no policy to start with. */
export class AccessPolicyError extends Error {
  override readonly name = 'AccessPolicyError';
}

/** A policy that was read. */
interface ReadPolicy {
  readonly policy: AccessPolicy;
  /** What the file said. */
  readonly text: string;
  /** The rules that cannot be read. */
  readonly problems: readonly Problem[];
}

/**
 * Reads the access policy that was named; a rule that cannot be read becomes a problem and allows nothing.
 *
 * @returns Undefined where none was named: every container may use every service.
 * @throws {AccessPolicyError} It cannot be read at all.
 */
export async function readPolicy(log: Log, path: string | undefined): Promise<ReadPolicy | undefined> {
  if (path === undefined) return undefined;
  const text = await firstText(createFileClient(path));
  const parsed = parsePolicy(text, path);
  if (!parsed.ok)
    throw new AccessPolicyError(`no access policy: ${parsed.problems.map(formatProblem).join('; ')}`);
  tellSize(log, parsed.value);
  return { policy: parsed.value, text, problems: parsed.problems.map(leftOut) };
}

/**
 * Has a daemon follow the policy file from here on. A broken edit leaves the last good one in force.
 *
 * @returns Reads the file now, whether it changed or not.
 * @throws {AccessPolicyError} There is none to start with.
 */
export async function followPolicy(
  { clock, daemon, log }: { readonly clock: Clock; readonly daemon: Daemon; readonly log: Log },
  path: string | undefined,
  resources: AsyncDisposableStack,
): Promise<() => void> {
  const first = await readPolicy(log, path);
  if (first === undefined || path === undefined) return () => undefined;
  for (const problem of first.problems) log.error(formatProblem(problem));
  daemon.setPolicy(first.policy);
  return followText(
    { clock },
    { path, known: first.text },
    {
      onText: (text) => {
        const parsed = parsePolicy(text, path);
        if (parsed.ok) {
          for (const problem of parsed.problems) log.error(formatProblem(leftOut(problem)));
          tellSize(log, parsed.value);
          daemon.setPolicy(parsed.value);
          return;
        }
        for (const problem of parsed.problems) log.error(formatProblem(problem));
        log.error('the access policy cannot be read; the last good one stays in force');
      },
      onTrouble: (reason) => {
        log.error(`the access policy cannot be read (${reason}); the last good one stays in force`);
      },
    },
    resources,
  );
}

async function firstText(client: FileClient): Promise<string> {
  try {
    return await client.read({ signal: new AbortController().signal });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new AccessPolicyError(
      `no access policy: ${reason}; nothing may be bound without it: ` +
        'mend the file, or leave --access-policy out',
    );
  }
}

function leftOut(problem: Problem): Problem {
  return { ...problem, message: `${problem.message}; the rule is left out and allows nothing` };
}

function tellSize(log: Log, policy: AccessPolicy): void {
  const { length } = policy.rules;
  log.info(`access policy ${policy.source}: ${length === 1 ? '1 rule' : `${length} rules`}`);
}
