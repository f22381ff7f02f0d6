/** The severities that must not be shipped. */
const REFUSED = ['high', 'critical'] as const;

/** What an audit says. */
export type AuditVerdict =
  | { readonly kind: 'clean'; readonly words: string }
  /** The registry could not be asked; that is no proof of anything. */
  | { readonly kind: 'not audited'; readonly words: string }
  | { readonly kind: 'vulnerable'; readonly words: string };

/**
 * Reads what `npm audit --json` printed.
 *
 * @returns `not audited` where the registry has no such endpoint, as mirrors have none, or did not answer.
 *
 * Pure; total.
 */
export function judgeAudit(output: string): AuditVerdict {
  const report = parseObject(output);
  const counts = objectAt(objectAt(report, 'metadata'), 'vulnerabilities');
  if (counts === undefined) {
    const said = [objectAt(report, 'error')?.['summary'], report?.['message']];
    const [why = 'npm printed no report'] = said.flatMap((words) =>
      typeof words === 'string' && words !== '' ? [words] : [],
    );
    return { kind: 'not audited', words: `the dependencies are not audited: ${why.trim()}` };
  }
  const found = REFUSED.map((severity) => ({ severity, count: Number(counts[severity] ?? 0) }));
  const bad = found.filter(({ count }) => count > 0);
  if (bad.length === 0)
    return { kind: 'clean', words: 'no dependency has a known vulnerability that is high' };
  const names = Object.entries(objectAt(report, 'vulnerabilities') ?? {})
    .filter(([, entry]) => REFUSED.some((severity) => severity === objectOf(entry)?.['severity']))
    .map(([name]) => name);
  const sums = bad.map(({ severity, count }) => `${count} ${severity}`).join(', ');
  return { kind: 'vulnerable', words: `vulnerable dependencies (${sums}): ${names.join(', ')}` };
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return objectOf(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function objectAt(
  parent: Readonly<Record<string, unknown>> | undefined,
  name: string,
): Readonly<Record<string, unknown>> | undefined {
  return objectOf(parent?.[name]);
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? (value as Readonly<Record<string, unknown>>) : undefined;
}
