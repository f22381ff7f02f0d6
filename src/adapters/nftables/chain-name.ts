import { fingerprint } from './fingerprint.ts';

/**
 * The name of a pool's chain: the same at every start, so that a daemon finds what the one before it wrote.
 *
 * @param key - What tells the pool from all others.
 *
 * Pure.
 */
export function chainName(key: string): string {
  return `pool-${fingerprint(key)}`;
}
