import assert from 'node:assert/strict';
import { DOCKER_RULES, FIREWALLD_RULES, UFW_RULES } from '../../../sim/iptables/foreign-rules.ts';
import { KernelRules } from '../../../sim/iptables/kernel-rules.ts';
import { Refusal, endOf } from '../../../sim/iptables/refusal.ts';
import { BEFORE, RESTORE_CASES } from './restore-cases.ts';
import type { CommandEnd } from '../../../sim/iptables/refusal.ts';
import type { AddressFamily } from '../../../src/domain/address.ts';

describe('KernelRules', () => {
  for (const { name, text, family = 4, saves, says = '', status } of RESTORE_CASES) {
    if (saves === undefined) {
      it(`refuses ${name}`, () => {
        const rules = prepared(family);
        const end = endOfRestore(rules, text);
        assert.equal(end?.status, status);
        assert(end?.stderr.includes(says), `${end?.stderr ?? 'taken'} must say ${says}`);
      });
    } else {
      it(`takes ${name}`, () => {
        const rules = prepared(family);
        const before = rules.save().split('\n');
        rules.restore(text);
        const added = rules
          .save()
          .split('\n')
          .filter((line) => !before.includes(line));
        assert.deepEqual(added, saves);
      });
    }
  }

  it('takes nothing of a table with one bad line, and all of the table before it', () => {
    const rules = prepared(4);
    const bad = '*filter\n-A F -j ACCEPT\n-D F -j DROP\nCOMMIT\n';
    assert.notEqual(endOfRestore(rules, `*nat\n-A B -j RETURN\nCOMMIT\n${bad}`), undefined);
    assert.match(rules.save(), /-A B -j RETURN/);
    assert.doesNotMatch(rules.save(), /-A F/);
  });

  it('saves what it restores to the same text, for the rules of Docker, ufw and firewalld', () => {
    const rules = new KernelRules(4);
    for (const text of [DOCKER_RULES, UFW_RULES, FIREWALLD_RULES]) rules.restore(text);
    const copy = new KernelRules(4);
    copy.restore(rules.save());
    assert.equal(copy.save(), rules.save());
    const saved = rules.save().split('\n');
    const lines = `${DOCKER_RULES}${UFW_RULES}${FIREWALLD_RULES}`.split('\n');
    const lost = lines.filter((line) => line.startsWith('-A') && !saved.includes(line));
    assert.deepEqual(lost, [], 'each foreign rule is in its normal form');
  });

  it('shows only tables that somebody used, until one is asked for by name', () => {
    const rules = new KernelRules(4);
    assert.equal(rules.save(), '');
    assert.match(rules.save('nat'), /^\*nat$/m);
    assert.match(rules.save(), /^\*nat$/m);
    assert.doesNotMatch(rules.save(), /filter/);
  });

  it('[P27] is empty after a wipe, policies and all', () => {
    const rules = prepared(4);
    rules.restore(UFW_RULES);
    rules.wipe();
    assert.doesNotMatch(rules.save(), /^-A|DROP|^:\S+ -/m);
  });

  it('shows a comment in place of a table that nft wrote to, and still takes rules for it', () => {
    const rules = prepared(4);
    rules.makeIncompatible('nat');
    assert.match(rules.save(), /^# Table `nat' is incompatible, use 'nft' tool\.$/m);
    assert.doesNotMatch(rules.save(), /\*nat|-A A/);
    assert.match(rules.save(), /^\*filter$/m);
    rules.restore('*nat\n-A B -j RETURN\nCOMMIT\n');
    rules.wipe();
    assert.match(rules.save(), /^\*nat$/m);
  });

  it('counts packets in the builtin chains alone', () => {
    const rules = prepared(4);
    rules.count(2);
    assert.match(rules.save('nat'), /^:OUTPUT ACCEPT \[2:120\]$/m);
    assert.match(rules.save('nat'), /^:A - \[0:0\]$/m);
  });
});

describe('endOf', () => {
  const at = { line: 3, commitLine: 7 };
  const rows = [
    {
      name: 'an unknown chain',
      reason: { kind: 'no chain', chain: 'X', isGoto: false },
      status: 2,
      says: "`X'",
    },
    {
      name: 'a goto to no chain',
      reason: { kind: 'no chain', chain: 'X', isGoto: true },
      status: 2,
      says: "goto 'X'",
    },
    {
      name: 'a bad rule',
      reason: { kind: 'command', words: 'Bad rule' },
      status: 1,
      says: 'line 3 failed\n',
    },
    {
      name: 'what the kernel refuses',
      reason: { kind: 'kernel', words: 'RULE_APPEND failed (Invalid argument): rule in chain X' },
      status: 1,
      says: 'line 7 failed\n',
    },
    {
      name: 'a chain in use',
      reason: { kind: 'kernel', words: 'CHAIN_DEL failed (Device or resource busy): chain X' },
      status: 1,
      says: 'line 3 failed\n',
    },
  ] as const;
  for (const { name, reason, status, says } of rows) {
    it(`says of ${name} what the legacy variant says`, () => {
      const end = endOf(new Refusal(reason, at), 'iptables-restore', 'legacy');
      assert.equal(end.status, status);
      assert(end.stderr.includes(says), end.stderr);
    });
  }
});

function prepared(family: AddressFamily): KernelRules {
  const rules = new KernelRules(family);
  rules.restore(BEFORE);
  return rules;
}

/** How the nf_tables variant ends; undefined when it takes the text. */
function endOfRestore(rules: KernelRules, text: string): CommandEnd | undefined {
  try {
    rules.restore(text);
    return undefined;
  } catch (error) {
    if (error instanceof Refusal) return endOf(error, 'iptables-restore', 'nf_tables');
    throw error;
  }
}
