import { readFile, writeFile } from 'node:fs/promises';
import { ConntrackError } from './conntrack-client.ts';
import type { ConntrackClient } from './conntrack-client.ts';

const DIRECTORY = '/proc/sys/net/netfilter';

const FORBIDDEN: ReadonlySet<unknown> = new Set(['EACCES', 'EPERM', 'EROFS']);

/**
 * Opens the settings of connection tracking of our network namespace.
 *
 * @see Documentation/networking/nf_conntrack-sysctl.rst of the kernel.
 */
export function createConntrackClient(directory = DIRECTORY): ConntrackClient {
  return {
    read: async (setting) => {
      try {
        return await readFile(`${directory}/${setting}`, 'utf8');
      } catch {
        return undefined;
      }
    },
    write: async (setting, text) => {
      try {
        // Without the flag to create: what is not there is no setting.
        await writeFile(`${directory}/${setting}`, text, { flag: 'r+' });
      } catch (cause) {
        const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
        if (code === 'ENOENT') throw new ConntrackError('missing', { cause });
        throw new ConntrackError(FORBIDDEN.has(code) ? 'forbidden' : 'refused', { cause });
      }
    },
  };
}
