import { globSync } from 'node:fs';
import { declareFactoryPlugin, PluginKind } from '@stryker-mutator/api/plugin';
import { DryRunStatus, TestStatus, toMutantRunResult } from '@stryker-mutator/api/test-runner';
import { INSTRUMENTER_CONSTANTS } from '@stryker-mutator/api/core';
import Mocha from 'mocha';
import type { InstrumenterContext } from '@stryker-mutator/api/core';
import type { DryRunOptions, DryRunResult, MutantRunOptions } from '@stryker-mutator/api/test-runner';
import type { MutantRunResult, TestResult, TestRunner } from '@stryker-mutator/api/test-runner';
import type { TestRunnerCapabilities } from '@stryker-mutator/api/test-runner';

/** The tests that judge a mutant: those of the folders that are mutated. */
const TESTS = 'test/{domain,balancers,app}/**/*.test.ts';

/** A test of these takes milliseconds; one that waits longer waits for what will not come. */
const TIMEOUT_MS = 5_000;

/** Results are taken from the runner's events. */
function silent(): void {
  // Nothing is printed.
}

/** Loads the tests once, then runs those that reach a mutant, with it switched on. */
class MochaRunner implements TestRunner {
  readonly #mocha = new Mocha({ timeout: TIMEOUT_MS, reporter: silent as never });
  #results: TestResult[] = [];
  #isLoaded = false;

  capabilities(): TestRunnerCapabilities {
    return { reloadEnvironment: false };
  }

  async init(): Promise<void> {
    for (const file of globSync(TESTS).sort()) this.#mocha.addFile(file);
    this.#mocha.cleanReferencesAfterRun(false);
    this.#mocha.suite.beforeEach('notes which test runs', function () {
      Object.assign(context(), { currentTestId: this.currentTest?.fullTitle() });
    });
    return Promise.resolve();
  }

  async dryRun({ disableBail }: DryRunOptions): Promise<DryRunResult> {
    await this.#run(/./, { isBailing: !disableBail });
    const { mutantCoverage } = context();
    const tests = this.#results;
    return {
      status: DryRunStatus.Complete,
      tests,
      ...(mutantCoverage === undefined ? {} : { mutantCoverage }),
    };
  }

  async mutantRun(options: MutantRunOptions): Promise<MutantRunResult> {
    const { activeMutant, disableBail, hitLimit, mutantActivation, testFilter } = options;
    const shared = context();
    Object.assign(shared, { hitLimit, hitCount: hitLimit === undefined ? undefined : 0 });
    // What is only reached while files load is not reached again: such a mutant is on from the start.
    if (mutantActivation === 'static') shared.activeMutant = activeMutant.id;
    await this.#load();
    shared.activeMutant = activeMutant.id;
    await this.#run(titles(testFilter), { isBailing: !disableBail });
    Object.assign(shared, { activeMutant: undefined });
    const isEndless = hitLimit !== undefined && (shared.hitCount ?? 0) > hitLimit;
    return toMutantRunResult(
      isEndless
        ? { status: DryRunStatus.Timeout, reason: `reached more than ${hitLimit} times` }
        : { status: DryRunStatus.Complete, tests: this.#results },
    );
  }

  async #load(): Promise<void> {
    if (this.#isLoaded) return;
    this.#isLoaded = true;
    await this.#mocha.loadFilesAsync();
  }

  async #run(grep: RegExp, { isBailing }: { readonly isBailing: boolean }): Promise<void> {
    await this.#load();
    this.#results = [];
    const mocha = this.#mocha;
    setBail(mocha.suite, isBailing);
    mocha.grep(grep);
    await new Promise<void>((resolve) => {
      const runner = mocha.run(() => {
        resolve();
      });
      const note = (test: Mocha.Test, rest: object): void => {
        const shared = { id: test.fullTitle(), name: test.fullTitle(), timeSpentMs: test.duration ?? 0 };
        this.#results.push({ ...shared, ...rest } as TestResult);
      };
      runner.on('pass', (test) => {
        note(test, { status: TestStatus.Success });
      });
      runner.on('pending', (test) => {
        note(test, { status: TestStatus.Skipped });
      });
      runner.on('fail', (test, error: Error) => {
        note(test, { status: TestStatus.Failed, failureMessage: error.message });
      });
    });
  }
}

/** What the instrumented code and this runner share. */
function context(): InstrumenterContext {
  const globals = globalThis as unknown as Record<string, InstrumenterContext>;
  return (globals[INSTRUMENTER_CONSTANTS.NAMESPACE] ??= {});
}

function setBail(suite: Mocha.Suite, isBailing: boolean): void {
  suite.bail(isBailing);
  for (const child of suite.suites) setBail(child, isBailing);
}

/** Matches the tests of a list, or all where there is none. */
function titles(ids: readonly string[] | undefined): RegExp {
  if (ids === undefined) return /./;
  return new RegExp(ids.map((id) => `^${id.replace(/[^\w\s]/g, String.raw`\$&`)}$`).join('|'));
}

function createRunner(): TestRunner {
  return new MochaRunner();
}

/**
 * Lets Stryker run the tests with this version of mocha, whose insides its own runner does not find.
 *
 * @see @stryker-mutator/mocha-runner, whose way of loading once and switching mutants this follows.
 */
export const strykerPlugins = [declareFactoryPlugin(PluginKind.TestRunner, 'embassy-mocha', createRunner)];
