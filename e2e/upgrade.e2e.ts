import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { CHECKOUT } from './support/checkout.ts';
import { environment } from './support/environment.ts';
import { LoadEndpoint, visit } from './support/load.ts';
import { LocalEmbassy } from './support/local-embassy.ts';
import { printProgress } from './support/progress.ts';
import { until } from './support/until.ts';
import type { Socket } from 'node:net';

const ENDPOINT = '127.0.2.60';
const OFFSET = 18_800;
const PORT = OFFSET + 80;
const ADMIN = { host: '127.0.0.1', port: 18_998 };

/** New connections a second throughout [P37]. */
const PER_SECOND = 200;
const EVERY_MS = 1_000 / PER_SECOND;

/** How long traffic goes on before and after. */
const AROUND_MS = 1_500;

const TIMEOUT_MS = 20_000;

/** What an endpoint answers to a line. */
const ANSWER_BYTES = 4_096;

describe('an upgrade', function () {
  this.timeout(90_000);
  let endpoint: LoadEndpoint;

  before(async () => {
    endpoint = await LoadEndpoint.start(ENDPOINT, 18_080);
  });

  after(async () => {
    await endpoint[Symbol.asyncDispose]();
  });

  it(`[P37] loses none of ${PER_SECOND} new connections a second, and keeps the old ones`, async () => {
    const admin = ['--admin-socket=off', `--admin-listen=${ADMIN.host}:${ADMIN.port}`];
    await using embassy = await start({ admin });
    const long = await openConnection();
    await using traffic = new Traffic();
    await pause(AROUND_MS);
    embassy.signal('SIGUSR2');
    await embassy.waitForLog(/upgrade: this daemon has taken over/u, TIMEOUT_MS);
    await pause(AROUND_MS);
    assert.equal(await answers(long), ANSWER_BYTES, 'the old daemon still carries what it accepted');
    assert.equal(await embassy.ended(), 0, 'it ends by itself when nothing is left to carry');
    assert.deepEqual(await isAsked(), true, 'the new one is asked at the same place');

    // And once more, by the one that came.
    const [second = 0] = embassy.successors;
    process.kill(second, 'SIGUSR2');
    await until('a third daemon', () => embassy.successors[1], { timeoutMs: TIMEOUT_MS });
    await until('the second to be gone', async () => !isAlive(second) || undefined, {
      timeoutMs: TIMEOUT_MS,
    });
    await pause(AROUND_MS);
    const outcomes = await traffic.stop();
    printProgress(`through two upgrades: ${JSON.stringify(outcomes)}`);
    assert.deepEqual(Object.keys(outcomes), ['answered']);
    assert.doesNotMatch(embassy.log, /"level":"(?:warn|error)"/u);
  });

  it('[P37] ends what is left when --upgrade-drain is over, and not before', async () => {
    await using embassy = await start({ extra: ['--upgrade-drain=1s', '--drain=60s'] });
    const long = await openConnection();
    const ended = new Promise((resolve) => long.once('close', resolve));
    embassy.signal('SIGUSR2');
    await embassy.waitForLog(/upgrade: this daemon has taken over/u, TIMEOUT_MS);
    assert.equal(await embassy.ended(), 0);
    await ended;
    await embassy.waitForLog(/1 open connection was cut after the drain/u, TIMEOUT_MS);
    assert.equal(await visit(PORT, 'whole', 0), 'answered');
  });

  it('[P37] is given up when the new daemon is broken: the old one says why, and serves', async () => {
    const program = path.join(environment().runDirectory, 'embassy-program');
    const config = path.join(environment().runDirectory, 'embassy-upgrade.yaml');
    await writeFile(config, 'drain: 1s\n');
    await using embassy = await start({ env: { EMBASSY_PROGRAM: program }, extra: [`--config=${config}`] });
    const good = `#!/bin/sh\nexec '${process.execPath}' '${path.join(CHECKOUT, 'dist/main.js')}' "$@"\n`;
    const broken = [
      { name: 'no such program', text: undefined, says: /could not be started: .*ENOENT/u },
      { name: 'a crash', text: '#!/bin/sh\nkill -9 $$\n', says: /ended by SIGKILL before it could serve/u },
      { name: 'a bad config', text: good, config: 'drian: 1s\n', says: /ended with status 2 before/u },
      {
        name: 'another capture',
        text: good,
        config: 'proxier: userspace\n',
        says: /ended with status 1 before/u,
      },
    ];
    for (const { name, text, says, ...files } of broken) {
      await rm(program, { force: true });
      if (text !== undefined) await writeFile(program, text);
      if (text !== undefined) await chmod(program, 0o755);
      await writeFile(config, files.config ?? 'drain: 1s\n');
      embassy.signal('SIGUSR2');
      await embassy.waitForLog(says, TIMEOUT_MS);
      assert.equal(await visit(PORT, 'whole', 0), 'answered', name);
    }
    assert.match(embassy.log, /did you mean drain/u, 'what the new one had to say is in the same log');
    assert.match(embassy.log, /restart instead of upgrading/u);
    assert.deepEqual(embassy.successors, []);
    await writeFile(config, 'drain: 2s\n');
    embassy.signal('SIGUSR2');
    await embassy.waitForLog(/upgrade: this daemon has taken over/u, TIMEOUT_MS);
    assert.equal(await visit(PORT, 'whole', 0), 'answered');
  });
});

async function start(options: {
  readonly admin?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly extra?: readonly string[];
}): Promise<LocalEmbassy> {
  return LocalEmbassy.start({ endpoints: [`${ENDPOINT}:18080`], offset: OFFSET, ...options });
}

/** New connections at an even pace, whatever becomes of those before. */
class Traffic implements AsyncDisposable {
  readonly #visits: Promise<string>[] = [];
  readonly #startedAtMs = performance.now();
  readonly #timer = setInterval(() => {
    this.#catchUp();
  }, EVERY_MS);

  /** Stops, and counts the outcomes of all. */
  async stop(): Promise<Readonly<Record<string, number>>> {
    clearInterval(this.#timer);
    const tally: Record<string, number> = {};
    for (const outcome of await Promise.all(this.#visits)) tally[outcome] = (tally[outcome] ?? 0) + 1;
    return tally;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** A timer of a busy machine is late; the pace is kept. */
  #catchUp(): void {
    const due = (performance.now() - this.#startedAtMs) / EVERY_MS;
    while (this.#visits.length < due) this.#visits.push(visit(PORT, 'whole', this.#visits.length));
  }
}

async function openConnection(): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: PORT });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** Asks over an open connection; gives the count of bytes that were answered before it closed. */
async function answers(socket: Socket): Promise<number> {
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  socket.write('hello\n');
  await once(socket, 'close');
  return bytes;
}

async function isAsked(): Promise<boolean> {
  const url = `http://${ADMIN.host}:${ADMIN.port}/healthz`;
  return until('the admin API', async () => (await fetch(url).catch(() => undefined))?.ok, {
    timeoutMs: TIMEOUT_MS,
  });
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
