import { endpointKey, WEIGHT_DEFAULT } from '../domain/endpoint.ts';
import { formatProblem } from '../domain/result.ts';
import { printable } from '../domain/printable.ts';
import type { Binding } from '../domain/binding.ts';
import type { Endpoint } from '../domain/endpoint.ts';
import type { Problem } from '../domain/result.ts';

/** How many endpoints of one binding are named; the rest are counted. */
const ENDPOINTS_SHOWN_MAX = 4;

const HEADINGS = ['CONSUMER', 'ADDRESS', 'PORT', 'SERVICE', 'ENDPOINTS'];

/** What is known of the service of a binding. */
export type CheckedService =
  | { readonly kind: 'known'; readonly endpoints: readonly Endpoint[] }
  /** No answer came in the time given. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'unreachable' | 'forbidden'; readonly reason: string };

/** A binding and the endpoints it would reach. */
export interface CheckedBinding {
  readonly binding: Binding;
  readonly service: CheckedService;
}

/**
 * Writes what `embassy check` tells: a table of the bindings, a count, and every problem.
 *
 * @param checked - Bindings and problems in the order they are to stand.
 * @returns Whole lines; texts of foreign origin stay within theirs.
 *
 * Pure.
 */
export function formatCheck(checked: {
  readonly bindings: readonly CheckedBinding[];
  readonly problems: readonly Problem[];
}): string {
  const { bindings, problems } = checked;
  const lines = bindings.length === 0 ? [] : [...table([HEADINGS, ...bindings.map(cellsOf)]), ''];
  lines.push(countOf(bindings, problems));
  if (problems.length > 0) {
    lines.push('', `${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}:`);
    for (const problem of problems) lines.push(`  ${printable(formatProblem(problem))}`);
  }
  return `${lines.join('\n')}\n`;
}

function cellsOf({ binding, service }: CheckedBinding): readonly string[] {
  const { service: name, tags } = binding.descriptor;
  return [
    binding.address === '*' ? 'any' : printable(binding.consumerName),
    binding.address,
    `${binding.port}/${binding.protocol}`,
    tags.length === 0 ? name : `${name}[${tags.join(',')}]`,
    endpointsOf(service),
  ];
}

function endpointsOf(service: CheckedService): string {
  switch (service.kind) {
    case 'known': {
      if (service.endpoints.length === 0) return 'none, so connections are refused';
      const shown = service.endpoints.slice(0, ENDPOINTS_SHOWN_MAX).map((endpoint) => {
        const weight = endpoint.weight === WEIGHT_DEFAULT ? '' : ` (weight ${endpoint.weight})`;
        return `${endpointKey(endpoint)}${weight}`;
      });
      const more = service.endpoints.length - shown.length;
      return more === 0 ? shown.join(', ') : `${shown.join(', ')} and ${more} more`;
    }
    case 'unknown':
      return 'unknown, no answer yet';
    case 'unreachable':
      return `unknown, cannot be asked: ${printable(service.reason)}`;
    case 'forbidden':
      return `unknown, not allowed to ask: ${printable(service.reason)}`;
  }
}

function countOf(bindings: readonly CheckedBinding[], problems: readonly Problem[]): string {
  if (bindings.length === 0) {
    if (problems.length > 0) return 'Nothing would be bound, as far as can be told: see what is wrong.';
    const hint = "Start a container with -e BACKEND_NAME='SERVICE;PORT', or give -services.";
    return `Nothing would be bound. ${hint}`;
  }
  const served = bindings.filter(({ service }) => service.kind === 'known' && service.endpoints.length > 0);
  const noun = bindings.length === 1 ? 'binding' : 'bindings';
  return `${bindings.length} ${noun}, ${served.length} with endpoints. Nothing was changed.`;
}

/** Aligns all columns but the last. */
function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const last = HEADINGS.length - 1;
  return rows.map((row) =>
    row.map((cell, column) => (column === last ? cell : cell.padEnd(widths[column] ?? 0))).join('  '),
  );
}
