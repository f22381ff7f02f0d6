/** Licences under which a package may be shipped with ours, by their SPDX names. */
const ALLOWED: ReadonlySet<string> = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'ISC',
  'MIT',
  'MIT-0',
  'Unlicense',
]);

/** A package that is shipped. */
export interface ShippedPackage {
  /** With its version, e.g. `koffi@3.3.4`. */
  readonly name: string;
  /** As the package says; undefined where it says nothing. */
  readonly licence: string | undefined;
}

/**
 * Finds the packages whose licence is not one of those we ship.
 *
 * @returns A line for each, sorted; empty when all may be shipped.
 *
 * Pure. Of alternatives (`A OR B`) one is enough; of a conjunction (`A AND B`) each must be allowed.
 */
export function judgeLicences(packages: readonly ShippedPackage[]): readonly string[] {
  return packages
    .filter(({ licence }) => licence === undefined || !isAllowed(licence))
    .map(({ name, licence }) => `${name}: ${licence ?? 'no licence is given'}`)
    .sort();
}

function isAllowed(expression: string): boolean {
  const bare = expression.replaceAll(/[()]/g, ' ');
  return bare
    .split(/\s+OR\s+/)
    .some((part) => part.split(/\s+AND\s+/).every((licence) => ALLOWED.has(licence.trim())));
}
