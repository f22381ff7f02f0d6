import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SHELLS, formatCompletion } from '../../../src/cli/completion/format-completion.ts';
import { COMMANDS, OPTION_ROWS } from '../../../src/cli/options.ts';

const BASH: readonly { readonly name: string; readonly words: readonly string[]; readonly offers: RegExp }[] =
  [
    { name: 'commands', words: ['embassy', 'do'], offers: /^doctor$/ },
    {
      name: 'every option',
      words: ['embassy', '--adm'],
      offers: /^--admin-socket --admin-listen --admin-token-file$/,
    },
    { name: 'values behind =', words: ['embassy', '--provider', '=', 'st'], offers: /^static$/ },
    { name: 'values when none is begun', words: ['embassy', '--unbound', '='], offers: /^refuse pass$/ },
    { name: "values of Go's spelling", words: ['embassy', '-provider', ''], offers: /^docker static$/ },
    { name: 'shells', words: ['embassy', 'completion', 'z'], offers: /^zsh$/ },
    { name: 'no second command', words: ['embassy', 'check', 'do'], offers: /^$/ },
    { name: 'nothing for what it cannot know', words: ['embassy', '-services', 'x'], offers: /^$/ },
  ];

/** Whether a shell is on this machine. */
function has(shell: string): boolean {
  return spawnSync(shell, ['-c', 'true']).status === 0;
}

describe('formatCompletion', () => {
  for (const shell of SHELLS) {
    it(`offers every command and option to ${shell}, and is a script it can read`, function () {
      const script = formatCompletion(shell);
      for (const command of COMMANDS) assert(script.includes(command), command);
      for (const { name } of OPTION_ROWS) assert(script.includes(name), name);
      if (!has(shell)) this.skip();
      const directory = mkdtempSync(join(tmpdir(), 'embassy-test-'));
      try {
        writeFileSync(join(directory, 'script'), script);
        const { status, stderr } = spawnSync(shell, ['-n', join(directory, 'script')], { encoding: 'utf8' });
        assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
      } finally {
        rmSync(directory, { recursive: true });
      }
    });
  }

  for (const { name, words, offers } of BASH) {
    it(`offers ${name} in bash`, () => {
      const typed = words.map((word) => `'${word}'`).join(' ');
      const ask = `COMP_WORDS=(${typed}); COMP_CWORD=${words.length - 1}; _embassy; echo "\${COMPREPLY[*]}"`;
      const { stdout, stderr } = spawnSync('bash', ['-c', `${formatCompletion('bash')}\n${ask}`], {
        encoding: 'utf8',
      });
      assert.equal(stderr, '');
      assert.match(stdout.trim(), offers);
    });
  }
});
