import { parseE2eMode } from './e2e-mode.ts';
import { setEnvironment } from './environment.ts';
import { prepare } from './prepare.ts';
import { printProgress } from './progress.ts';

import type { Context, RootHookObject } from 'mocha';

/** A cold run installs an engine, makes a base and builds three images. */
const PREPARE_TIMEOUT_MS = 1_800_000;

const HOW_TO_RUN = '`npm run e2e` prepares this machine and runs them';

const stack = new AsyncDisposableStack();

/** Prepares the machine before the first suite, or skips every suite with one line that says why. */
export const mochaHooks: RootHookObject = {
  async beforeAll(this: Context) {
    this.timeout(PREPARE_TIMEOUT_MS);
    const readiness = await prepare(parseE2eMode(process.env['EMBASSY_E2E']), stack, printProgress);
    switch (readiness.kind) {
      case 'ready':
        setEnvironment(readiness.environment);
        return;
      case 'skipped': {
        const count = this.test?.parent?.total() ?? 0;
        printProgress(`${count} tests skipped: ${readiness.reason}. ${HOW_TO_RUN}`);
        this.skip();
      }
    }
  },
  async afterAll() {
    await stack.disposeAsync();
  },
};
