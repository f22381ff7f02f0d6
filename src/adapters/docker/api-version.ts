import { z } from 'zod';

/** The newest API whose documents were read while this was written; any later one is asked to speak it. */
const NEWEST_KNOWN = '1.52';

const versionSchema = z.object({ ApiVersion: z.string(), MinAPIVersion: z.string().optional() });

/**
 * Chooses the API version both sides speak, from what the engine says about itself. None is pinned: an engine
 * of 29.0 refuses what one of 20.10 offers at most [P08].
 *
 * @param document - The answer of `GET /version`.
 * @returns The lower of the engine's newest and ours, yet never below the engine's oldest, e.g. `1.41`;
 *   undefined when the document doesn't tell, and then the engine's own default serves.
 *
 * Pure.
 */
export function negotiateApiVersion(document: unknown): string | undefined {
  const parsed = versionSchema.safeParse(document);
  if (!parsed.success || !isVersion(parsed.data.ApiVersion)) return undefined;
  const { ApiVersion: newest, MinAPIVersion: oldest } = parsed.data;
  const chosen = compareVersions(newest, NEWEST_KNOWN) < 0 ? newest : NEWEST_KNOWN;
  if (oldest !== undefined && isVersion(oldest) && compareVersions(chosen, oldest) < 0) return oldest;
  return chosen;
}

function isVersion(text: string): boolean {
  return /^[0-9]{1,4}\.[0-9]{1,4}$/.test(text);
}

function compareVersions(a: string, b: string): number {
  const [majorA = 0, minorA = 0] = a.split('.').map(Number);
  const [majorB = 0, minorB = 0] = b.split('.').map(Number);
  return majorA - majorB || minorA - minorB;
}
