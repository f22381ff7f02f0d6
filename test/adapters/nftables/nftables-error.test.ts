import assert from 'node:assert/strict';
import { nftablesError } from '../../../src/adapters/nftables/nftables-error.ts';

describe('nftablesError', () => {
  for (const { name, failure, code, says } of [
    {
      name: 'a missing command',
      failure: { kind: 'missing' },
      code: 'no-command',
      says: /apt-get install nftables/,
    },
    {
      name: 'a command that hangs',
      failure: { kind: 'timeout', limitMs: 30_000 },
      code: 'busy',
      says: /within 30 s/,
    },
    {
      name: 'a lack of rights',
      failure: {
        kind: 'exit',
        isListing: false,
        status: 1,
        stderr: 'Error: Could not process rule: Operation not permitted\n',
      },
      code: 'no-privilege',
      says: /CAP_NET_ADMIN/,
    },
    {
      name: 'a busy kernel',
      failure: {
        kind: 'exit',
        isListing: false,
        status: 1,
        stderr: 'Error: Could not process rule: Device or resource busy\n',
      },
      code: 'busy',
      says: /tried again/,
    },
    {
      name: 'what the kernel refuses, with the first of its lines',
      failure: { kind: 'exit', isListing: false, status: 1, stderr: 'Error: No such file\nadd element x\n' },
      code: 'refused',
      says: /^nft refused \(status 1\): Error: No such file\. See whether nft is 1\.0 or later/,
    },
    {
      name: 'an expression that the kernel lacks, which sounds like a chain that is gone',
      failure: {
        kind: 'exit',
        isListing: false,
        status: 1,
        stderr: '/dev/stdin:9:1-9: Error: Could not process rule: No such file or directory\n',
      },
      code: 'refused',
      says: /See whether .* the kernel has nf_tables.*\. Or somebody else changed the table/,
    },
    {
      name: 'what is not there to be listed',
      failure: { kind: 'exit', isListing: true, status: 1, stderr: 'Error: No such file or directory\n' },
      code: 'missing',
      says: /does not find what it was asked for/,
    },
  ] as const) {
    it(`tells ${name}, and what to do`, () => {
      const error = nftablesError(failure);
      assert.equal(error.code, code);
      assert.match(error.inWords, says);
    });
  }
});
