import type { ValueKind } from './option-value.ts';

/** One option: the only place that knows its name, values, default and help. */
export interface OptionRow<T> {
  /** As in `--name`, in EMBASSY_NAME and as a key of the config file. */
  readonly name: string;
  /** Further names on the command line and in the config file. */
  readonly aliases: readonly string[];
  readonly kind: ValueKind<T>;
  /** Whether each of several values counts; otherwise the last one does, as in Go. */
  readonly repeatable: boolean;
  /** As it would be written; empty when there is none. */
  readonly defaults: readonly string[];
  /** Variables besides EMBASSY_<NAME>, which goes first. */
  readonly environment: readonly string[];
  readonly group: OptionGroup;
  /** One line, without a full stop. */
  readonly help: string;
}

/** The headings of help, in order. */
export type OptionGroup =
  | 'Bindings'
  | 'Discovery'
  | 'Capture (one of; none leaves the rules to you)'
  | 'Addresses'
  | 'Connections'
  | 'Endpoints that fail, and new ones'
  | 'Running'
  | 'Seeing into a running daemon'
  | 'Accepted for the original, without effect';

/** Makes a row; what is left out is empty. */
export function row<T>(
  name: string,
  kind: ValueKind<T>,
  group: OptionGroup,
  rest: Pick<OptionRow<T>, 'help'> & Partial<OptionRow<T>>,
): OptionRow<T> {
  return { name, aliases: [], kind, repeatable: false, defaults: [], environment: [], group, ...rest };
}
