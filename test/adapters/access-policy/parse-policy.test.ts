import assert from 'node:assert/strict';
import { parsePolicy } from '../../../src/adapters/access-policy/parse-policy.ts';
import { formatProblem } from '../../../src/domain/result.ts';

const WHOLE = `rules:
  # The shop uses everything of production but the ledger.
  - containers:
      { name: shop-*, image: ['r.example/shop:*', shop], network: shop_default, label: [team=retail, public] }
    services: /services/prod/*
    except: [/services/prod/ledger]
  - services: ['/services/shared/*', time]
`;

const ANYBODY = { name: undefined, image: undefined, network: undefined, label: undefined };

describe('parsePolicy', () => {
  it('reads rules, single patterns and lists of them alike', () => {
    const parsed = parsePolicy(WHOLE, 'policy.yaml');
    assert(parsed.ok);
    assert.deepEqual(parsed.problems, []);
    assert.deepEqual(parsed.value, {
      source: 'policy.yaml',
      rules: [
        {
          containers: {
            name: ['shop-*'],
            image: ['r.example/shop:*', 'shop'],
            network: ['shop_default'],
            label: [
              { name: 'team', value: 'retail' },
              { name: 'public', value: '*' },
            ],
          },
          services: ['/services/prod/*'],
          except: ['/services/prod/ledger'],
        },
        { containers: ANYBODY, services: ['/services/shared/*', 'time'], except: [] },
      ],
    });
  });

  const broken = [
    { name: 'a text that is not YAML', text: 'rules: [', says: /^p, line 1, column \d+: / },
    { name: 'an empty file', text: '', says: /^p: has no list of rules; write 'rules:'/ },
    { name: 'a list without its key', text: '- services: x', says: /^p: has no list of rules/ },
    { name: 'rules that are no list', text: 'rules: all', says: /^p: has no list of rules/ },
    {
      name: 'a file that is too long',
      text: ' '.repeat(1_048_577),
      says: /^p: longer than 1048576 characters/,
    },
  ];
  for (const { name, text, says } of broken) {
    it(`gives no policy for ${name}, and says where`, () => {
      const parsed = parsePolicy(text, 'p');
      assert(!parsed.ok);
      assert.match(parsed.problems.map(formatProblem).join('\n'), says);
    });
  }

  it('allows nothing with an empty list', () => {
    assert.deepEqual(parsePolicy('rules: []', 'p'), {
      ok: true,
      value: { source: 'p', rules: [] },
      problems: [],
    });
  });

  const wrong = [
    { name: 'an unknown key', rule: '{ services: x, servces: y }', says: 'line 2, column 20: unknown key' },
    {
      name: 'an unknown part of containers',
      rule: '{ services: x, containers: { id: y } }',
      says: "key 'id'",
    },
    {
      name: 'no services',
      rule: '{ containers: { name: x } }',
      says: "line 2, column 5: a rule needs 'services'",
    },
    { name: 'services that are no text', rule: '{ services: 5 }', says: "'services' takes a text" },
    { name: 'an empty pattern', rule: "{ services: '' }", says: "'services' takes a text of 1 to 512" },
    { name: 'an empty list', rule: '{ services: x, except: [] }', says: "'except' is an empty list" },
    {
      name: 'containers that are no map',
      rule: '{ services: x, containers: y }',
      says: "'containers' is a map",
    },
    { name: 'a text', rule: 'all', says: 'a rule is a map' },
    {
      name: 'an exception without a value',
      rule: '{ services: x, except }',
      says: "column 20: 'except' has no value",
    },
    {
      name: 'containers without a value',
      rule: '{ containers, services: x }',
      says: "column 7: 'containers' has no value",
    },
    {
      name: 'a name without a value',
      rule: '{ containers: { name }, services: x }',
      says: "column 21: 'name' has no value",
    },
    { name: 'a key that is only asked for', rule: '? services\n    ? except', says: "'except' has no value" },
    {
      name: 'services given twice',
      rule: '{ services: x, services: y }',
      says: "column 20: 'services' is given twice; keep one of them",
    },
    {
      name: 'two exceptions, of which one would not count',
      rule: '{ services: x, except: [], except: y }',
      says: "column 32: 'except' is given twice",
    },
    {
      name: 'a name given twice',
      rule: '{ containers: { name: x, name: y }, services: z }',
      says: "column 30: 'name' is given twice",
    },
    { name: 'half an exception', rule: '{ services: x, except: [y, 7] }', says: "'except' takes a text" },
  ];
  for (const { name, rule, says } of wrong) {
    it(`leaves a rule with ${name} out, says where, and keeps the others`, () => {
      const parsed = parsePolicy(`rules:\n  - ${rule}\n  - services: kept\n`, 'p');
      assert(parsed.ok);
      assert.deepEqual(
        parsed.value.rules.map(({ services }) => services),
        [['kept']],
      );
      const said = parsed.problems.map(formatProblem).join('\n');
      assert(said.startsWith('p, line 2, column '), said);
      assert(said.includes(says), said);
    });
  }

  it('names the line of a key given twice, and reads the first list of two', () => {
    const parsed = parsePolicy('rules:\n  - services: x\n    services: y\n  - services: z\nrules: []\n', 'p');
    assert(parsed.ok);
    assert.deepEqual(
      parsed.value.rules.map(({ services }) => services),
      [['z']],
    );
    assert.deepEqual(parsed.problems.map(formatProblem), [
      "p, line 5, column 1: 'rules' is given twice; keep one of them",
      "p, line 3, column 5: 'services' is given twice; keep one of them",
    ]);
  });

  it('names an unknown key of the whole, and reads the rest', () => {
    const parsed = parsePolicy('default: allow\nrules: [{ services: x }]\n', 'p');
    assert(parsed.ok);
    assert.equal(parsed.value.rules.length, 1);
    assert.deepEqual(parsed.problems.map(formatProblem), [
      "p, line 1, column 1: unknown key 'default'; there are rules",
    ]);
  });
});
