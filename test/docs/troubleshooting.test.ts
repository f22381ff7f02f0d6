import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { longestPart, messagesOf } from './messages.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const page = plain(readFileSync(new URL('../../docs/troubleshooting.md', import.meta.url), 'utf8'));

const messages = messagesOf(ROOT);

describe('docs/troubleshooting.md', () => {
  it('has every warning and error that the program can tell', () => {
    const missing = messages.filter(({ text }) => !page.includes(plain(longestPart(text))));
    assert.deepEqual(
      missing.map(({ at, text }) => `${at}: ${text}`),
      [],
      'each needs a row with its cause and cure',
    );
  });

  it('is compared with what is really in the code, so that an empty answer is no proof', () => {
    assert(messages.length > 80, `only ${messages.length} messages were found`);
    const parts = messages.map(({ text }) => longestPart(text));
    assert(parts.includes('the rules were missing or different; put back'));
    assert(parts.every((part) => !part.includes('…')));
  });
});

/** Without what only Markdown needs. */
function plain(text: string): string {
  return text.replaceAll('`', '').replaceAll(/\s+/g, ' ');
}
