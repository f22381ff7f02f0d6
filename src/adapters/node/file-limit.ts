import { readFileSync } from 'node:fs';

/**
 * Tells how many files, sockets among them, this process may have open. Node raises its own limit to the hard
 * one as it starts.
 *
 * @returns Undefined where the kernel does not tell, or sets no limit.
 *
 * @see proc_pid_limits(5); Node.js, PlatformInit in src/node.cc.
 */
export function openFileLimit(path = '/proc/self/limits'): number | undefined {
  let limits: string;
  try {
    limits = readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
  const soft = /^Max open files\s+(\d+)\s/m.exec(limits)?.[1];
  return soft === undefined ? undefined : Number(soft);
}
