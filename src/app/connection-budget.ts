/** The consumer's socket and the endpoint's. */
const FILES_PER_CONNECTION = 2;

/** What everything else needs: listeners, discoveries, Docker, the log, and what is being refused. */
const FILES_RESERVED = 256;

/** How many connections there may be at once. */
export interface ConnectionBudget {
  readonly maxConnections: number;
  /** What to tell the operator; undefined when all is as they wish. */
  readonly warning: string | undefined;
}

/**
 * Holds the wished number of connections against the files this process may have. Beyond them a connection
 * would be accepted and closed without a word, since none can be refused without a descriptor; so it must not
 * come to that: what is over this number is refused as every connection over the limit is [C5].
 *
 * @param fileLimit - How many files may be open; undefined when there is no limit.
 *
 * Pure.
 */
export function connectionBudget(wished: number, fileLimit: number | undefined): ConnectionBudget {
  const fits = Math.max(1, Math.floor(((fileLimit ?? Infinity) - FILES_RESERVED) / FILES_PER_CONNECTION));
  if (wished <= fits) return { maxConnections: wished, warning: undefined };
  const needed = wished * FILES_PER_CONNECTION + FILES_RESERVED;
  const warning =
    `--max-connections=${wished} needs ${needed} open files and this process may have ` +
    `${String(fileLimit)}: at most ${fits} connections are taken at once; ` +
    'raise the limit (ulimit -n, LimitNOFILE=, --ulimit nofile=)';
  return { maxConnections: fits, warning };
}
