import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startDemoEndpoint } from './demo-endpoint.ts';
import { startDemoProgram } from './demo-program.ts';
import { findFreePort } from './free-port.ts';
import type { DemoEndpoint } from './demo-endpoint.ts';

/** The port of the service, if it is free. */
const PORT_WANTED = 8080;

/** How long embassy may take until the service answers, and how often that is tried. */
const READY_LIMIT_MS = 15_000;
const READY_RETRY_MS = 100;

/** One more than there are endpoints, so that the turn is seen to begin again. */
const SAMPLES = 4;

process.exitCode = await demo();

/** Shows embassy's job on this machine alone: three endpoints, one service, no privilege. */
async function demo(): Promise<number> {
  const stop = stopSignal();
  const stopped = once(stop, 'abort').then(() => 0);
  await using resources = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'embassy-demo-'));
  resources.defer(async () => rm(directory, { recursive: true, force: true }));
  const endpoints: DemoEndpoint[] = [];
  for (const name of ['one', 'two', 'three']) endpoints.push(resources.use(await startDemoEndpoint(name)));
  const file = join(directory, 'endpoints.yaml');
  await writeFile(file, endpointsFile(endpoints));
  const port = await findFreePort(PORT_WANTED);
  const url = `http://127.0.0.1:${port}/`;
  say(
    `embassy demo: ${endpoints.length} endpoints on loopback, listed for the service "web" in ${file}`,
    ...(port === PORT_WANTED ? [] : [`port ${PORT_WANTED} is taken, so the service is at ${port}`]),
    '',
  );
  const program = resources.use(startDemoProgram({ port, file }));
  const ending = new AbortController();
  const ended = program.ended.then((status) => {
    ending.abort();
    return status;
  });
  const answers = await ask(url, AbortSignal.any([stop, ending.signal]));
  if (stop.aborted) return 0;
  if (answers === undefined) {
    say(`\nembassy does not answer at ${url}; its log above says why`);
    return 1;
  }
  say('', `embassy serves "web" at ${url}, each endpoint in turn:`, ...answers.map((line) => `  ${line}`));
  say(
    '',
    'Try it:',
    `  curl ${url}    several times`,
    `  edit ${file}, save, and curl again: embassy follows within a second`,
    'Stop it: Ctrl-C. Nothing stays behind.',
    '',
  );
  return await Promise.race([stopped, ended]);
}

/** Aborted by the first signal to stop; later ones are the same wish, which npm passes on a second time. */
function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      stop.abort();
    });
  }
  return stop.signal;
}

/** The first answers of the service, or undefined when none came in time or the signal was aborted. */
async function ask(url: string, signal: AbortSignal): Promise<readonly string[] | undefined> {
  const deadlineAtMs = performance.now() + READY_LIMIT_MS;
  const answers: string[] = [];
  while (answers.length < SAMPLES) {
    if (signal.aborted || performance.now() > deadlineAtMs) return undefined;
    try {
      const response = await fetch(url, { signal });
      answers.push((await response.text()).trim());
    } catch {
      await sleep(READY_RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  }
  return answers;
}

function endpointsFile(endpoints: readonly DemoEndpoint[]): string {
  return [
    '# The endpoints of each service. Remove a line, add one, or write',
    '# {address: 127.0.0.1, port: 80, weight: 3} for three times the share.',
    'web:',
    ...endpoints.map(({ name, port }) => `  - 127.0.0.1:${port} # ${name}`),
    '',
  ].join('\n');
}

function say(...lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}
