import tseslint from 'typescript-eslint';

/** Ambient time, chance and process state: each comes through a port, so that the simulation can own it. */
const AMBIENT = [
  { name: 'Date', message: 'Take Clock.wallMs() from the clock port.' },
  { name: 'performance', message: 'Take Clock.monotonicMs() from the clock port.' },
  { name: 'setTimeout', message: 'Take Clock.schedule() or Clock.sleep() from the clock port.' },
  { name: 'setInterval', message: 'Loop over Clock.sleep() from the clock port.' },
  { name: 'setImmediate', message: 'Take Clock.schedule(0) from the clock port.' },
  { name: 'queueMicrotask', message: 'Await a promise instead.' },
  { name: 'process', message: 'Only main.ts, client.ts files and adapters/node read the process.' },
  { name: 'console', message: 'Take the log port.' },
  { name: 'crypto', message: 'Take the random port.' },
  { name: 'fetch', message: 'Only client.ts files speak to the outside.' },
];

const AMBIENT_PROPERTIES = [
  { object: 'Math', property: 'random', message: 'Take Random.next() from the random port.' },
  { object: 'AbortSignal', property: 'timeout', message: 'Take the clock port.' },
];

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'coverage/', 'test/architecture/fixtures/'] },
  { files: ['**/*.cjs'], languageOptions: { sourceType: 'commonjs' } },
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { prefer: 'type-imports' }],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { allowDefaultCaseForExhaustiveSwitch: false },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/explicit-function-return-type': ['error', { allowExpressions: true }],
      '@typescript-eslint/prefer-readonly': 'error',
      '@typescript-eslint/no-confusing-void-expression': 'error',
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      '@typescript-eslint/dot-notation': 'off',
      '@typescript-eslint/require-await': 'off',
      'max-len': ['error', { code: 110, tabWidth: 2, ignoreUrls: true, ignoreRegExpLiterals: true }],
      'max-lines': ['error', { max: 300 }],
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true, named: true } }],
      'no-warning-comments': ['error', { terms: ['fixme', 'todo', 'xxx'], location: 'anywhere' }],
      'no-constant-condition': ['error', { checkLoops: 'allExceptWhileTrue' }],
    },
  },
  {
    files: ['src/**/*.ts', 'sim/**/*.ts'],
    ignores: ['src/main.ts', 'sim/main.ts', 'src/adapters/*/client.ts', 'src/adapters/node/**'],
    rules: {
      'no-restricted-globals': ['error', ...AMBIENT],
      'no-restricted-properties': ['error', ...AMBIENT_PROPERTIES],
    },
  },
  {
    files: ['test/**/*.ts', 'e2e/**/*.ts'],
    rules: {
      '@typescript-eslint/no-floating-promises': ['error', { allowForKnownSafeCalls: [] }],
      'max-lines': ['error', { max: 500 }],
    },
  },
);
