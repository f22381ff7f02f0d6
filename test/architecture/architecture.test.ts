import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { cruise } from 'dependency-cruiser';
import extractDepcruiseOptions from 'dependency-cruiser/config-utl/extract-depcruise-options';
import type { ICruiseResult } from 'dependency-cruiser';

const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const FIXTURES = fileURLToPath(new URL('fixtures', import.meta.url));

/** Reading and resolving some hundred files takes seconds on a slow machine. */
const TIME_LIMIT_MS = 60_000;

/** Every bad import of the fixtures; all that is not here must be found good. */
const BAD: readonly { readonly from: string; readonly rules: readonly string[] }[] = [
  { from: 'sim/imports-client.ts', rules: ['sim-meets-no-client'] },
  { from: 'sim/imports-library.ts', rules: ['sim-uses-pure-libraries'] },
  { from: 'sim/imports-node-adapter.ts', rules: ['sim-meets-no-client'] },
  { from: 'sim/imports-node.ts', rules: ['sim-uses-no-node'] },
  { from: 'sim/imports-test.ts', rules: ['sim-imports-sim-and-logic'] },
  { from: 'sim/imports-wiring.ts', rules: ['sim-imports-sim-and-logic', 'wiring-is-for-main'] },
  { from: 'src/adapters/node/imports-library.ts', rules: ['node-adapter-uses-koffi-only'] },
  { from: 'src/adapters/one/imports-two.ts', rules: ['adapters-know-no-other-adapter'] },
  { from: 'src/adapters/two/imports-app.ts', rules: ['adapters-know-no-other-adapter'] },
  { from: 'src/adapters/two/imports-library.ts', rules: ['logic-uses-pure-libraries'] },
  { from: 'src/adapters/two/imports-node.ts', rules: ['logic-uses-no-node'] },
  { from: 'src/app/imports-adapter.ts', rules: ['app-imports-inwards'] },
  { from: 'src/app/imports-node.ts', rules: ['logic-uses-no-node'] },
  { from: 'src/balancers/imports-app.ts', rules: ['balancers-imports-inwards'] },
  { from: 'src/cli/imports-app.ts', rules: ['cli-imports-inwards'] },
  { from: 'src/cli/imports-library.ts', rules: ['cli-uses-commander-only'] },
  {
    from: 'src/domain/imports-development.ts',
    rules: ['logic-uses-pure-libraries', 'src-uses-no-development-dependency'],
  },
  { from: 'src/domain/imports-nothing-there.ts', rules: ['no-unresolvable'] },
  { from: 'src/domain/imports-ports.ts', rules: ['domain-imports-inwards'] },
  { from: 'src/domain/imports-sim.ts', rules: ['domain-imports-inwards', 'src-imports-src'] },
  { from: 'src/domain/orphan.ts', rules: ['no-orphan'] },
  { from: 'src/ports/cycle-a.ts', rules: ['no-cycle'] },
  { from: 'src/ports/imports-balancers.ts', rules: ['ports-imports-inwards'] },
];

describe('The arrows of the architecture', function () {
  this.timeout(TIME_LIMIT_MS);

  it('hold in src and sim', async () => {
    const result = await examine(ROOT);
    assert.deepEqual(violations(result), []);
  });

  it('are read from every file, so that an empty answer is no proof', async () => {
    const result = await examine(ROOT);
    const seen = result.modules.map(({ source }) => source).filter((source) => /^(src|sim)\//.test(source));
    const files = globSync(['src/**/*.ts', 'sim/**/*.ts'], { cwd: ROOT });
    assert.deepEqual(seen.sort(), files.sort());
    assert(files.length > 60, `only ${files.length} files`);
    const ports = result.modules.find(({ source }) => source === 'src/domain/descriptor.ts');
    assert(
      ports?.dependencies.some(({ resolved }) => resolved === 'src/domain/address.ts'),
      'imports must be resolved',
    );
  });

  it('are reported where a fixture breaks them, and nowhere else', async () => {
    const expected = BAD.flatMap(({ from, rules }) => rules.map((rule) => `${rule}: ${from}`));
    assert.deepEqual(violations(await examine(FIXTURES)), expected.sort());
  });

  it('have a fixture for each rule', async () => {
    const options = await extractDepcruiseOptions(`${ROOT}/.dependency-cruiser.cjs`);
    const rules = options.ruleSet?.forbidden?.map(({ name }) => name) ?? [];
    const proven = new Set(BAD.flatMap((bad) => bad.rules));
    assert.deepEqual(
      rules.filter((rule) => rule === undefined || !proven.has(rule)),
      [],
    );
    assert(rules.length > 10, 'the rules must be read');
  });
});

async function examine(baseDir: string): Promise<ICruiseResult> {
  const options = await extractDepcruiseOptions(`${ROOT}/.dependency-cruiser.cjs`);
  const { output } = await cruise(['src', 'sim'], { ...options, baseDir }, options.enhancedResolveOptions);
  assert(typeof output !== 'string', 'the result must not be formatted');
  return output;
}

function violations(result: ICruiseResult): readonly string[] {
  return [...new Set(result.summary.violations.map(({ rule, from }) => `${rule.name}: ${from}`))].sort();
}
