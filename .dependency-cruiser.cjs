/**
 * The arrows of docs/ARCHITECTURE.md: domain ← ports ← balancers ← app ← main. Read by
 * test/architecture/architecture.test.ts, which also proves that each rule can fail.
 */

/** What each folder of src may import of our own code, besides the standard it names. */
const LAYERS = {
  domain: ['domain'],
  ports: ['domain', 'ports'],
  balancers: ['domain', 'ports', 'balancers'],
  app: ['domain', 'ports', 'balancers', 'app'],
  cli: ['domain', 'ports', 'cli'],
};

/** Our own code, wherever it lives. */
const OURS = '^(src|sim|test|e2e|stage|bench)/';

/** Where libraries and Node may be used: the edges of the program. */
const EDGES = '^src/(main[.]ts|adapters/[^/]+/client[.]ts|adapters/node/)';

/** Libraries that only compute; logic may use them. */
const PURE = ['ipaddr[.]js', 'proxy-protocol-js', 'zod', 'yaml'];

const libraries = (names) => `(^|/)node_modules/(${names.join('|')})/`;

const layerRules = Object.entries(LAYERS).map(([layer, allowed]) => ({
  name: `${layer}-imports-inwards`,
  comment: `${layer} may import ${allowed.join(', ')} and nothing else of ours.`,
  severity: 'error',
  from: { path: `^src/${layer}/` },
  to: { path: OURS, pathNot: `^src/(${allowed.join('|')})/` },
}));

module.exports = {
  forbidden: [
    ...layerRules,
    {
      name: 'adapters-know-no-other-adapter',
      comment: 'An adapter may import domain, ports and itself.',
      severity: 'error',
      from: { path: '^src/adapters/([^/]+)/' },
      to: { path: OURS, pathNot: '^src/(domain|ports|adapters/$1)/' },
    },
    {
      name: 'wiring-is-for-main',
      comment: 'What joins adapters to ports is asked for by main.ts alone.',
      severity: 'error',
      from: { path: '^(src|sim|test|e2e|stage|bench)/', pathNot: '^src/(main[.]ts|wiring/)' },
      to: { path: '^src/wiring/' },
    },
    {
      name: 'src-imports-src',
      comment: 'What is delivered does not depend on simulation, tests or demos.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(sim|test|e2e|stage|bench)/' },
    },
    {
      name: 'logic-uses-no-node',
      comment: 'Node is used in main.ts, client.ts files and adapters/node; logic takes a port or a client.',
      severity: 'error',
      from: { path: '^src/', pathNot: EDGES },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'logic-uses-pure-libraries',
      comment: 'A library that touches the outside is wrapped in a client.ts.',
      severity: 'error',
      from: { path: '^src/', pathNot: [EDGES, '^src/cli/'] },
      to: { path: libraries(['.+']), pathNot: libraries(PURE) },
    },
    {
      name: 'cli-uses-commander-only',
      severity: 'error',
      from: { path: '^src/cli/' },
      to: { path: libraries(['.+']), pathNot: libraries([...PURE, 'commander']) },
    },
    {
      name: 'node-adapter-uses-koffi-only',
      comment: 'adapters/node wraps Node itself; a library with a server of its own gets its own adapter.',
      severity: 'error',
      from: { path: '^src/adapters/node/' },
      to: { path: libraries(['.+']), pathNot: libraries([...PURE, 'koffi', '@types/node']) },
    },
    {
      name: 'sim-meets-no-client',
      comment: 'The simulation runs the real logic on simulated clients, never on real ones.',
      severity: 'error',
      from: { path: '^sim/' },
      to: { path: EDGES },
    },
    {
      name: 'sim-imports-sim-and-logic',
      severity: 'error',
      from: { path: '^sim/' },
      to: { path: OURS, pathNot: '^(sim|src/(domain|ports|balancers|app|adapters))/' },
    },
    {
      name: 'sim-uses-no-node',
      severity: 'error',
      from: { path: '^sim/', pathNot: '^sim/main[.]ts$' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'sim-uses-pure-libraries',
      severity: 'error',
      from: { path: '^sim/' },
      to: { path: libraries(['.+']), pathNot: libraries([...PURE, 'pure-rand', 'commander']) },
    },
    {
      name: 'no-cycle',
      comment: 'Two files that need each other are one, or a third is missing. Types count.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-orphan',
      comment: 'A file that nobody imports and that imports nobody is dead.',
      severity: 'error',
      from: { orphan: true, pathNot: '(^|/)main[.]ts$' },
      to: {},
    },
    {
      name: 'no-unresolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'src-uses-no-development-dependency',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg'], pathNot: '(^|/)node_modules/@types/' },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    combinedDependencies: true,
    doNotFollow: { path: 'node_modules' },
    // Served to browsers as they are: their imports are paths of the admin server.
    exclude: { path: '^src/adapters/page/files/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.json', '.d.ts'],
    },
  },
};
