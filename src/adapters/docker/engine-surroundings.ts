import { z } from 'zod';
import { DockerAnswerError } from './docker-client.ts';
import { askEngine } from './ask-engine.ts';
import type { DockerClient } from './docker-client.ts';
import type { Problem } from '../../domain/result.ts';
import type { Clock } from '../../ports/clock.ts';

/** The part of `GET /info` that is read; `SecurityOptions` holds `name=rootless` and the like. */
const infoSchema = z.object({ SecurityOptions: z.array(z.string()).nullish() });

const PLACE = 'docker';

/**
 * Tells what of an engine keeps its containers from being captured from here, so that an operator learns it
 * at start and not from a consumer that is refused [C11].
 *
 * @param remote - Where the engine is when that is not this host; undefined when it is.
 * @returns One problem each; empty for a plain engine, and for one that does not tell.
 * @throws {Error} The engine cannot be asked.
 */
export async function readSurroundings(
  { client, clock }: { readonly client: DockerClient; readonly clock: Clock },
  { remote, signal }: { readonly remote: string | undefined; readonly signal: AbortSignal },
): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  if (remote !== undefined) {
    const message =
      `the engine at ${remote} is on another host: the addresses of its containers mean nothing here, ` +
      'and no rule captures them; run embassy on that host';
    problems.push({ place: PLACE, message });
  }
  if (await isRootless({ client, clock }, signal)) {
    const message =
      "the engine is rootless: its containers' traffic reaches this host from an address of its own, " +
      'and no rule captures it; run embassy within its network namespace, or use an engine that root runs';
    problems.push({ place: PLACE, message });
  }
  return problems;
}

async function isRootless(
  { client, clock }: { readonly client: DockerClient; readonly clock: Clock },
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const document = await askEngine(clock, { what: 'GET /info', signal }, (limited) =>
      client.info({ signal: limited }),
    );
    const parsed = infoSchema.safeParse(document);
    if (!parsed.success) return false;
    return (parsed.data.SecurityOptions ?? []).some((option) => /(?:^|,)name=rootless(?:,|$)/.test(option));
  } catch (error) {
    // A proxy before the socket may forbid this question alone.
    if (error instanceof DockerAnswerError) return false;
    throw error;
  }
}
