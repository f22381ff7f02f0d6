'use strict';
// CommonJS, because mocha takes the whole export of a reporter's module.
const { appendFileSync } = require('node:fs');
const { reporters } = require('mocha');

/** Where the counts go: one line a run, `passed failed skipped`. Unset: nowhere. */
const COUNTS_VARIABLE = 'EMBASSY_TEST_COUNTS';

/**
 * Reports as one of mocha's own reporters (`--reporter-option base=NAME`, spec by default) and, when asked,
 * appends mocha's counts to a file, so that a script can add up several runs without reading their prose. A
 * hook that fails counts as a failed test, as everywhere in mocha.
 */
module.exports = class CountingReporter {
  constructor(runner, options) {
    const Base = reporters[options?.reporterOption?.base ?? 'spec'];
    this.base = new Base(runner, options);
    const path = process.env[COUNTS_VARIABLE] ?? '';
    if (path === '') return;
    runner.once('end', () => {
      const { passes, failures, pending } = runner.stats;
      appendFileSync(path, `${passes} ${failures} ${pending}\n`);
    });
  }
};
