const E2E_MODES = ['auto', 'required', 'off'] as const;

/**
 * What the e2e suites may do to this machine: `auto` uses an engine that is there and skips without one,
 * `required` prepares the machine and fails when it cannot, `off` skips everything.
 */
export type E2eMode = (typeof E2E_MODES)[number];

/**
 * Reads the mode from the environment variable EMBASSY_E2E.
 *
 * @param text - the variable's value; undefined or empty means auto
 * @throws {Error} for any other word, because a typo must not silently skip the suites
 */
export function parseE2eMode(text: string | undefined): E2eMode {
  if (text === undefined || text === '') {
    return 'auto';
  }
  const mode = E2E_MODES.find((known) => known === text);
  if (mode === undefined) {
    throw new Error(`EMBASSY_E2E must be one of ${E2E_MODES.join(', ')}; it is ${JSON.stringify(text)}`);
  }
  return mode;
}
