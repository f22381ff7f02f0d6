import assert from 'node:assert/strict';
import { DOCKER_RULES, FIREWALLD_RULES, UFW_RULES } from '../../../sim/iptables/foreign-rules.ts';
import { KernelRules } from '../../../sim/iptables/kernel-rules.ts';
import { Refusal, endOf } from '../../../sim/iptables/refusal.ts';
import { RealIptables } from './real-iptables.ts';
import { BEFORE, RESTORE_CASES } from './restore-cases.ts';
import type { CommandEnd, IptablesVariant } from '../../../sim/iptables/refusal.ts';

const TAKEN: CommandEnd = { status: 0, stderr: '' };

const FOREIGN = [
  { name: 'the rules of Docker', text: DOCKER_RULES },
  { name: 'the rules of ufw', text: UFW_RULES },
  { name: 'the rules of firewalld', text: FIREWALLD_RULES },
];

for (const kind of ['nft', 'legacy'] as const) {
  describe(`KernelRules beside the iptables-${kind} of this machine`, () => {
    let real: RealIptables | undefined;
    let isKnownRelease = false;

    before(function () {
      const opened = RealIptables.open(kind);
      if (!('skip' in opened)) {
        real = opened;
        isKnownRelease = opened.isKnownRelease();
        return;
      }
      const first = this.test?.parent?.tests[0];
      if (first !== undefined) first.title += ` (skipped: ${opened.skip})`;
      this.skip();
    });

    after(() => real?.[Symbol.dispose]());

    const cases = RESTORE_CASES.filter(({ isLegacyFine }) => kind === 'nft' || isLegacyFine === undefined);
    for (const row of [...cases, ...FOREIGN]) {
      it(`agrees on ${row.name}`, () => {
        assert(real !== undefined, 'opened before');
        const family = 'family' in row && row.family === 6 ? 6 : 4;
        real.reset(family, BEFORE);
        const rules = new KernelRules(family);
        rules.restore(BEFORE);

        const expected = real.restore(family, row.text);
        const tool = kind === 'nft' ? real.tool(family) : real.tool(family).replace('-legacy', '');
        const variant = kind === 'nft' ? 'nf_tables' : 'legacy';
        const end = endOfRestore(rules, row.text, `${tool}-restore`, variant);
        const both = `${expected.stderr}; simulated: ${end.stderr}`;
        assert.equal(end.status === 0, expected.status === 0, both);
        if (isKnownRelease) assert.equal(end.status, expected.status, both);
        if (isKnownRelease && kind === 'nft') assert.equal(wordsOf(end.stderr), wordsOf(expected.stderr));
        assert.equal(rulesOf(rules.save()), rulesOf(real.save(family)));
      });
    }
  });
}

function endOfRestore(rules: KernelRules, text: string, tool: string, variant: IptablesVariant): CommandEnd {
  try {
    rules.restore(text);
    return TAKEN;
  } catch (error) {
    if (error instanceof Refusal) return endOf(error, tool, variant);
    throw error;
  }
}

/** The words of a complaint, without the version and spaces, which differ between releases. */
function wordsOf(stderr: string): string {
  return stderr
    .replace(/ v\d+\.\d+\.\d+/g, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

/** The text of iptables-save without what changes by itself: comments and counters. */
function rulesOf(saved: string): string {
  return saved.replaceAll(/^#.*\n/gm, '').replaceAll(/\[\d+:\d+\]/g, '[0:0]');
}
