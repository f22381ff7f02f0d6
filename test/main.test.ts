import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

/** A process starts, on a machine that may be busy. */
const TIMEOUT_MS = 20_000;

/** A file that can be read: one that cannot is tried again, which keeps a process, too. */
const READABLE = fileURLToPath(new URL('../package.json', import.meta.url));

/** What needs no Docker, no server and no privilege. */
const ALONE = ['-provider=static', '-consumer=*', `-discovery=file:${READABLE}`, '--listen'];

/** Nothing of what the caller's environment chooses. */
const ENVIRONMENT = { PATH: process.env['PATH'] };

/** Has a process answer each message, over a channel that does not itself keep the process. */
const ANSWERING =
  'data:text/javascript,process.on("message",(round)=>process.send(round));process.channel.unref()';

/** A process that nothing keeps is gone long before it has answered so often. */
const ROUNDS = 1_000;

describe('embassy as a process', function () {
  this.timeout(TIMEOUT_MS);

  for (const { name, services, says } of [
    { name: 'nothing was asked for', services: '', says: 'there is nothing to bind' },
    { name: 'every descriptor is wrong', services: 'web;99999', says: 'is not a port from 1 to 65535' },
  ]) {
    it(`stays until it is told to stop when ${name}`, async () => {
      const child = spawn(
        process.execPath,
        ['--import', ANSWERING, MAIN, ...ALONE, `-services=${services}`],
        { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], env: ENVIRONMENT },
      );
      assert(child.stderr !== null);
      const exited = once(child, 'exit');
      const lines: string[] = [];
      const send = (round: number): void => {
        // One that has ended meanwhile is told by its exit status.
        child.send(round, () => undefined);
      };
      createInterface({ input: child.stderr }).on('line', (line) => {
        lines.push(line);
        if (line.includes(says)) send(1);
      });
      child.on('message', (round) => {
        if (round === ROUNDS) child.kill('SIGTERM');
        else send(Number(round) + 1);
      });
      await exited;
      assert.equal(child.exitCode, 0, lines.join('\n'));
      assert.match(lines.join('\n'), /embassy stopped/);
    });
  }

  for (const { name, rule, exitCode, says } of [
    {
      name: 'fails at a rule of the policy that cannot be read, and says where it stands',
      rule: '{ services: x, except: y, except: z }',
      exitCode: 1,
      says: /^1 problem:\n {2}.*policy\.yaml, line 2, column 31: 'except' is given twice; .* allows nothing$/m,
    },
    {
      name: 'has nothing to say of a good policy',
      rule: '{ services: x }',
      exitCode: 0,
      says: /^Nothing would/,
    },
  ]) {
    it(`[C8] checks, and ${name}`, async () => {
      const folder = await mkdtemp(join(tmpdir(), 'embassy-policy-'));
      try {
        const policy = join(folder, 'policy.yaml');
        await writeFile(policy, `rules:\n  - ${rule}\n  - services: kept\n`);
        const child = spawn(process.execPath, [MAIN, 'check', ...ALONE, `--access-policy=${policy}`], {
          stdio: ['ignore', 'pipe', 'ignore'],
          env: ENVIRONMENT,
        });
        const [said] = await Promise.all([text(child.stdout), once(child, 'exit')]);
        assert.match(said, says);
        assert.equal(child.exitCode, exitCode, said);
      } finally {
        await rm(folder, { recursive: true });
      }
    });
  }

  it('takes it for no failure that nobody reads to the end', async () => {
    const child = spawn(process.execPath, [MAIN, '--help'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: ENVIRONMENT,
    });
    child.stdout.destroy();
    const [said] = await Promise.all([text(child.stderr), once(child, 'exit')]);
    assert.deepEqual({ said, status: child.exitCode }, { said: '', status: 0 });
  });
});
