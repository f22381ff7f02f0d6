import { readdir, readFile } from 'node:fs/promises';
import os from 'node:os';
import { hasProgram, runCommand } from '../e2e/support/command.ts';

/** See sysconf(3), _SC_CLK_TCK: the same on every Linux. */
const TICKS_PER_SECOND = 100;

/** How each tool tells its version, and what of it is the version. */
const VERSIONS = [
  { name: 'HAProxy', argv: ['haproxy', '-v'], pattern: /version (\d[\d.]*)/ },
  { name: 'nginx', argv: ['sh', '-c', 'nginx -v 2>&1'], pattern: /nginx\/(\d[\d.]*)/ },
  { name: 'iperf3', argv: ['iperf3', '--version'], pattern: /iperf (\d[\d.]*)/ },
  { name: 'wrk', argv: ['sh', '-c', 'wrk -v || true'], pattern: /wrk (?:debian\/)?(\d[\d.]*)/ },
] as const;

/** What a run ran on, e.g. `2 cores`, `Linux 6.18.5`, `Node 24.21.0`; what is absent is left out. */
export async function machineFacts(): Promise<readonly string[]> {
  const cores = os.availableParallelism();
  const facts = [
    `${cores} ${cores === 1 ? 'core' : 'cores'} (${os.cpus()[0]?.model.trim() ?? os.arch()})`,
    `Linux ${os.release()}`,
    `Node ${process.versions.node}`,
  ];
  for (const { name, argv, pattern } of VERSIONS) {
    const text = await runCommand(argv).catch(() => '');
    const version = pattern.exec(text)?.[1];
    if (version !== undefined) facts.push(`${name} ${version}`);
  }
  return facts;
}

/** The programs of these that this machine has not. */
export async function missing(programs: readonly string[]): Promise<readonly string[]> {
  const absent: string[] = [];
  for (const program of new Set(programs)) if (!(await hasProgram(program))) absent.push(program);
  return absent;
}

/**
 * The time that all processors of this machine worked since it started, in seconds: whoever they worked for,
 * and what the kernel does for packets in nobody's name.
 *
 * @see proc(5), /proc/stat.
 */
export async function busySeconds(): Promise<number> {
  const [, user, nice, system, , , irq, softirq, steal] =
    (await readFile('/proc/stat', 'utf8')).split('\n', 1)[0]?.split(/\s+/) ?? [];
  const ticks = [user, nice, system, irq, softirq, steal].map(Number);
  return ticks.reduce((sum, each) => sum + each, 0) / TICKS_PER_SECOND;
}

/**
 * The memory of what the kernel tracks of connections, in KB of 1 000 bytes; 0 where it does not tell.
 *
 * @see slabinfo(5).
 */
export async function trackedKb(): Promise<number> {
  const slabs = await readFile('/proc/slabinfo', 'utf8').catch(() => '');
  const [, active = 0, size = 0] = /^nf_conntrack +(\d+) +\d+ +(\d+) /m.exec(slabs)?.map(Number) ?? [];
  return (active * size) / 1_000;
}

/**
 * The memory that a process and those it started occupy, in KB of 1 000 bytes.
 *
 * @throws {Error} There is no such process.
 *
 * Shared pages count once for each process; of a difference they drop out.
 */
export async function memoryOf(pid: number): Promise<number> {
  const parents = await Promise.all(
    (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(parentOf),
  );
  const family = [pid];
  for (const each of family) {
    for (const { child, parent } of parents) if (parent === each) family.push(child);
  }
  const sizes = await Promise.all(family.map(residentKb));
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function residentKb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kibibytes = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
  return (kibibytes * 1_024) / 1_000;
}

async function parentOf(name: string): Promise<{ readonly child: number; readonly parent: number }> {
  const status = await readFile(`/proc/${name}/status`, 'utf8').catch(() => '');
  return { child: Number(name), parent: Number(/^PPid:\s+(\d+)$/m.exec(status)?.[1] ?? 0) };
}
