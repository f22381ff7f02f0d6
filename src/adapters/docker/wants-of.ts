import { parseDescriptor } from '../../domain/descriptor.ts';
import { shortId } from './container-document.ts';
import type { ContainerDocument } from './container-document.ts';
import type { WantedBinding } from '../../domain/consumer.ts';
import type { DescriptorRules } from '../../domain/descriptor.ts';
import type { Problem } from '../../domain/result.ts';

/** What a label's name begins with when its value is a descriptor [C1]. */
const LABEL_PREFIX = 'embassy.backend.';

/** The most problems one container is reported for; what is over is counted. */
const PROBLEMS_MAX = 64;

/** How descriptors are found in a container and read. */
export interface WantsOptions {
  /** What a variable's name begins with when its value is a descriptor, e.g. `BACKEND_`. */
  readonly prefix: string;
  /** What discovery and proxier can serve. */
  readonly rules: DescriptorRules;
}

/**
 * Reads what a container asks for in its environment and its labels [C1].
 *
 * @returns The wishes that can be honoured, environment before labels, each in the order it was written; and
 *   every problem, whose place names container and variable. A bad one never stops another [P10], nor does a
 *   value that holds line feeds [D10]. The same key twice is the binding table's to decide [C2].
 *
 * Pure.
 */
export function wantsOf(
  container: ContainerDocument,
  { prefix, rules }: WantsOptions,
): { readonly wants: readonly WantedBinding[]; readonly problems: readonly Problem[] } {
  const wants: WantedBinding[] = [];
  const problems: Problem[] = [];
  for (const { place, text } of written(container, prefix)) {
    const parsed = parseDescriptor(text, `${containerPlace(container)}, ${place}`, rules);
    if (parsed.ok) wants.push({ descriptor: parsed.value, place });
    problems.push(...parsed.problems);
  }
  const over = problems.length - PROBLEMS_MAX;
  if (over <= 0) return { wants, problems };
  const rest = { place: containerPlace(container), message: `${over} more problems of this container` };
  return { wants, problems: [...problems.slice(0, PROBLEMS_MAX), rest] };
}

/** Names a container for people, e.g. `container web-1 (0f3c5a7be112)`. Pure. */
export function containerPlace({ id, name }: { readonly id: string; readonly name: string }): string {
  return `container ${name} (${shortId(id)})`;
}

function written(
  container: ContainerDocument,
  prefix: string,
): readonly { readonly place: string; readonly text: string }[] {
  const variables = container.env.flatMap((entry) => {
    const equals = entry.indexOf('=');
    const name = equals < 0 ? entry : entry.slice(0, equals);
    if (!name.startsWith(prefix)) return [];
    return [{ place: `variable ${name}`, text: equals < 0 ? '' : entry.slice(equals + 1) }];
  });
  const labels = container.labels
    .filter(([name]) => name.startsWith(LABEL_PREFIX))
    .map(([name, text]) => ({ place: `label ${name}`, text }));
  return [...variables, ...labels];
}
