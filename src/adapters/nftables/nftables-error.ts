import { printable } from '../../domain/printable.ts';
import { NftablesError } from './nftables-client.ts';

/** How much of nft's own words a message repeats, in characters. */
const WORDS_MAX = 300;

/** How a command ended that did not succeed. */
export type CommandFailure =
  | { readonly kind: 'missing' }
  | { readonly kind: 'timeout'; readonly limitMs: number }
  | {
      readonly kind: 'exit';
      /** Whether it listed something, and changed nothing. */
      readonly isListing: boolean;
      readonly status: number;
      readonly stderr: string;
    };

/** Puts a failure of nft into words. Pure. */
export function nftablesError(failure: CommandFailure, cause?: unknown): NftablesError {
  switch (failure.kind) {
    case 'missing':
      return new NftablesError('no-command', 'there is no nft command', {
        hint: 'Install it (Debian: apt-get install nftables), or start with --proxier=userspace.',
        cause,
      });
    case 'timeout':
      return new NftablesError('busy', `nft did not end within ${failure.limitMs / 1_000} s`, {
        hint: 'See whether another program holds the firewall; it is tried again.',
        cause,
      });
    case 'exit': {
      const words = printable(failure.stderr.trim().split('\n')[0] ?? '').slice(0, WORDS_MAX);
      if (/Operation not permitted|must be root|Permission denied/i.test(failure.stderr)) {
        const hint = 'Run as root or with CAP_NET_ADMIN, or start with --proxier=userspace.';
        return new NftablesError('no-privilege', `nft may not write rules: ${words}`, { hint, cause });
      }
      if (/resource busy|temporarily unavailable/i.test(failure.stderr)) {
        return new NftablesError('busy', `nft is kept from writing: ${words}`, {
          hint: 'It is tried again.',
          cause,
        });
      }
      const isMissing = words.includes('No such file or directory');
      if (isMissing && failure.isListing) {
        const hint = 'It is not there.';
        return new NftablesError('missing', `nft does not find what it was asked for: ${words}`, {
          hint,
          cause,
        });
      }
      // The kernel says the same of an expression that it lacks and of a chain that somebody removed.
      const others = isMissing ? ' Or somebody else changed the table of embassy: it is written anew.' : '';
      const hint =
        'See whether nft is 1.0 or later, and the kernel has nf_tables with NAT ' +
        `(nft_chain_nat, nft_numgen).${others}`;
      return new NftablesError('refused', `nft refused (status ${failure.status}): ${words}`, {
        hint,
        cause,
      });
    }
  }
}
