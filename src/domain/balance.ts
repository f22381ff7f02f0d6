/** The balancing policies a pool can follow; each is one file in balancers/. */
export const BALANCES = [
  'round-robin',
  'least-connections',
  'random',
  'power-of-two',
  'peak-ewma',
  'maglev',
] as const;

export type Balance = (typeof BALANCES)[number];

/**
 * Reads the name of a balancing policy.
 *
 * @returns The policy, or the message that names the valid ones.
 *
 * Pure.
 */
export function parseBalance(
  text: string,
): { readonly ok: true; readonly value: Balance } | { readonly ok: false; readonly message: string } {
  const value = BALANCES.find((balance) => balance === text);
  if (value !== undefined) return { ok: true, value };
  return { ok: false, message: `'${text}' is not a balancing policy (${BALANCES.join(', ')})` };
}
