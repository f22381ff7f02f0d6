import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { ensurePackage } from '../e2e/support/debian-packages.ts';
import { runBenches } from './run.ts';
import { HELP, readOptions } from './options.ts';
import { formatChart } from './chart.ts';
import { formatTable, replaceTable } from './table.ts';
import type { BenchOptions } from './options.ts';

const README = new URL('./README.md', import.meta.url);
const CHART = new URL('./chart.svg', import.meta.url);
const DAEMON = new URL('../dist/main.js', import.meta.url);

/** What the benches run, and the Debian package that brings it. */
const PACKAGES = [
  { program: 'ip', name: 'iproute2' },
  { program: 'iptables', name: 'iptables' },
  { program: 'nft', name: 'nftables' },
  { program: 'haproxy', name: 'haproxy' },
  { program: 'nginx', name: 'nginx' },
  { program: 'wrk', name: 'wrk' },
  { program: 'iperf3', name: 'iperf3' },
] as const;

/** nginx has no stream without it; it has no program by which it could be found. */
const STREAM_MODULE = { file: '/usr/lib/nginx/modules/ngx_stream_module.so', name: 'libnginx-mod-stream' };

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

process.exitCode = await main();

async function main(): Promise<number> {
  const invocation = readOptions(process.argv.slice(2));
  switch (invocation.kind) {
    case 'help':
      process.stdout.write(HELP);
      return 0;
    case 'wrong':
      process.stderr.write(
        `${invocation.problems.map((problem) => `bench: ${problem}`).join('\n')}\n\n${HELP}`,
      );
      return EXIT_USAGE;
    case 'run':
      return run(invocation.options);
  }
}

async function run(options: BenchOptions): Promise<number> {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => {
      stop.abort(new Error(`ended by ${name}`));
    });
  }
  const folder = await mkdtemp(path.join(os.tmpdir(), 'embassy-bench-'));
  try {
    await requireMachine();
    if (options.install) await install();
    const { results, circumstances } = await runBenches(options, { folder, signal: stop.signal, say });
    const lines = formatTable(results, circumstances);
    process.stdout.write(`${lines.join('\n')}\n`);
    if (options.write) {
      await writeFile(README, replaceTable(await readFile(README, 'utf8'), lines));
      const chart = formatChart(results);
      if (chart !== undefined) await writeFile(CHART, chart);
      say(`bench/README.md${chart === undefined ? ' is' : ' and bench/chart.svg are'} written anew`);
    }
    return 0;
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    return EXIT_FAILED;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @throws {Error} The benches cannot run here, with what to do about it. */
async function requireMachine(): Promise<void> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    throw new Error('needs Linux and root, for network namespaces: run it as root');
  }
  if (!(await exists(DAEMON))) throw new Error('dist/ is missing: run "npm run build" first');
}

async function install(): Promise<void> {
  for (const { program, name } of PACKAGES) await ensurePackage(name, program, say);
  if (!(await exists(STREAM_MODULE.file))) await ensurePackage(STREAM_MODULE.name, STREAM_MODULE.file, say);
}

async function exists(file: string | URL): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

function say(line: string): void {
  process.stderr.write(`bench: ${line}\n`);
}
