import { fingerprint } from './fingerprint.ts';

/**
 * The name of a pool's chain: the same at every start, so that a daemon finds what the one before it wrote.
 *
 * @param key - What tells the pool from all others.
 * @param places - Where its endpoints are for some consumers, if that is another place than for the others.
 *
 * Pure.
 */
export function chainName(key: string, places = ''): string {
  return `pool-${fingerprint(key)}${places === '' ? '' : `-${fingerprint(places)}`}`;
}

/** Whether a chain is a pool's, wherever its endpoints were when it was written. Pure. */
export function isChainOf(name: string, key: string): boolean {
  const common = chainName(key);
  return name === common || name.startsWith(`${common}-`);
}
