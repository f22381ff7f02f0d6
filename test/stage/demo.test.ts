import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ChildProcess } from 'node:child_process';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Two processes start, on a machine that may be busy. */
const TIMEOUT_MS = 30_000;

describe('npm start', function () {
  this.timeout(TIMEOUT_MS);

  it('serves each endpoint in turn, follows the file, and leaves nothing behind', async () => {
    await using demo = startDemo();
    const { url, file } = await demo.ready();
    const asked = await askTimes(url, 6);
    assert.deepEqual(asked.slice(3), asked.slice(0, 3), 'a turn is exact');
    assert.deepEqual(
      asked
        .slice(0, 3)
        .map((answer) => answer.split(',')[0])
        .sort(),
      ['endpoint one', 'endpoint three', 'endpoint two'],
    );

    const removed = /endpoint two, (\S+)/.exec(asked.join('\n'))?.[1] ?? '';
    const lines = readFileSync(file, 'utf8').split('\n');
    writeFileSync(file, lines.filter((line) => !line.includes(removed)).join('\n'));
    await demo.line(new RegExp(`lost ${removed}`));
    assert(!(await askTimes(url, 6)).join('\n').includes(removed), 'a removed endpoint gets no connection');

    assert.equal(await demo.stop('SIGTERM'), 0);
    assert(!existsSync(dirname(file)), 'its folder is gone');
    await assert.rejects(fetch(url), 'nobody listens any more');
  });

  it('takes a second Ctrl-C for the same wish, as npm passes each on twice', async () => {
    await using demo = startDemo();
    const { file } = await demo.ready();
    demo.child.kill('SIGINT');
    assert.equal(await demo.stop('SIGINT'), 0);
    assert(!existsSync(dirname(file)));
    assert(demo.lines.some((line) => line.includes('embassy stopped')));
    assert(!demo.lines.some((line) => line.includes('ending at once')));
  });

  it('takes another port when 8080 is taken, and says so', async () => {
    const server = createServer();
    server.listen({ host: '127.0.0.1', port: 8080 });
    // Somebody else may have the port: then it is taken, too.
    await Promise.race([once(server, 'listening'), once(server, 'error')]).catch(() => undefined);
    try {
      await using demo = startDemo();
      const { url } = await demo.ready();
      assert.notEqual(new URL(url).port, '8080');
      assert.equal(demo.lines.filter((line) => line.startsWith('port 8080 is taken')).length, 1);
      assert.equal(await demo.stop('SIGTERM'), 0);
    } finally {
      server.close();
    }
  });
});

/** A demo that runs. Disposing stops it and waits for its end. */
interface RunningDemo extends AsyncDisposable {
  readonly child: ChildProcess;
  /** What it and embassy said so far. */
  readonly lines: readonly string[];
  /** Resolves with the first line that matches, said or to be said. */
  line(pattern: RegExp): Promise<string>;
  /** Resolves when it invites to try it. */
  ready(): Promise<{ readonly url: string; readonly file: string }>;
  /** Sends a signal and resolves with its exit status. */
  stop(signal: NodeJS.Signals): Promise<number | null>;
}

function startDemo(): RunningDemo {
  const child = spawn(
    process.execPath,
    ['--require', './stage/require-node.cjs', 'stage/demo/demo.ts'],
    // What the caller's environment chooses must not change what the demo shows.
    { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, EMBASSY_DNAT: 'true' } },
  );
  const exited = once(child, 'exit');
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  for (const input of [child.stdout, child.stderr]) {
    createInterface({ input }).on('line', (line) => {
      lines.push(line);
      for (const look of waiting) look();
    });
  }
  const line = async (pattern: RegExp): Promise<string> => {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const look = (): void => {
      const found = lines.find((candidate) => pattern.test(candidate));
      if (found !== undefined) resolve(found);
    };
    waiting.add(look);
    look();
    void exited.then(() => {
      reject(new Error(`it ended without ${String(pattern)}:\n${lines.join('\n')}`));
    });
    return promise.finally(() => waiting.delete(look));
  };
  return {
    child,
    lines,
    line,
    ready: async () => {
      await line(/^Stop it: /);
      const url = /curl (http:\S+)/.exec(await line(/^ {2}curl /))?.[1] ?? '';
      const file = /edit (\S+), save/.exec(await line(/^ {2}edit /))?.[1] ?? '';
      return { url, file };
    },
    stop: async (signal) => {
      child.kill(signal);
      await exited;
      return child.exitCode;
    },
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

async function askTimes(url: string, times: number): Promise<readonly string[]> {
  const answers: string[] = [];
  while (answers.length < times) answers.push((await (await fetch(url)).text()).trim());
  return answers;
}
