import { TABLE } from './table-layout.ts';

/** The commands that make a set of our table hold other elements. Pure. */
export function setChanges(
  set: string,
  before: readonly string[],
  after: readonly string[],
): readonly string[] {
  const [had, has] = [new Set(before), new Set(after)];
  const gone = before.filter((element) => !has.has(element));
  const come = after.filter((element) => !had.has(element));
  return [
    ...(gone.length === 0 ? [] : [`delete element ${TABLE} ${set} { ${gone.join(', ')} }`]),
    ...(come.length === 0 ? [] : [`add element ${TABLE} ${set} { ${come.join(', ')} }`]),
  ];
}

/** The commands that make chains go, there or not. Pure. */
export function withoutChains(names: readonly string[]): readonly string[] {
  return names.flatMap((name) => [
    `add chain ${TABLE} ${name}`,
    `flush chain ${TABLE} ${name}`,
    `delete chain ${TABLE} ${name}`,
  ]);
}
