import assert from 'node:assert/strict';
import { judgeAudit } from '../../stage/supply-chain/judge-audit.ts';
import { judgeLicences } from '../../stage/supply-chain/judge-licences.ts';

const REPORT = {
  auditReportVersion: 2,
  vulnerabilities: { bad: { severity: 'high' }, meh: { severity: 'low' } },
  metadata: { vulnerabilities: { info: 0, low: 1, moderate: 3, high: 1, critical: 0, total: 5 } },
};

const AUDITS = [
  {
    name: 'a report with one that is high',
    output: JSON.stringify(REPORT),
    kind: 'vulnerable',
    words: /1 high\): bad$/,
  },
  {
    name: 'a report with none that is high',
    output: JSON.stringify({ ...REPORT, metadata: { vulnerabilities: { low: 1, high: 0, critical: 0 } } }),
    kind: 'clean',
    words: /no dependency/,
  },
  {
    name: 'a registry without that endpoint',
    output: JSON.stringify({ error: { code: 'ENOAUDIT', summary: '405 Method Not Allowed' } }),
    kind: 'not audited',
    words: /are not audited: 405 Method Not Allowed$/,
  },
  {
    name: 'a registry without that endpoint, as newer versions of npm say it',
    output: JSON.stringify({ message: '404 Not Found', error: { summary: '', detail: '' } }),
    kind: 'not audited',
    words: /not audited: 404 Not Found$/,
  },
  { name: 'no answer', output: '', kind: 'not audited', words: /printed no report/ },
] as const;

const LICENCES = [
  { licence: 'MIT', allowed: true },
  { licence: '(MIT OR GPL-3.0)', allowed: true },
  { licence: '(BSD-3-Clause AND Apache-2.0)', allowed: true },
  { licence: 'MIT AND GPL-3.0', allowed: false },
  { licence: 'GPL-3.0', allowed: false },
  { licence: 'SEE LICENSE IN x', allowed: false },
  { licence: undefined, allowed: false },
] as const;

describe('judgeAudit', () => {
  for (const { name, output, kind, words } of AUDITS) {
    it(`reads ${name}`, () => {
      const verdict = judgeAudit(output);
      assert.equal(verdict.kind, kind);
      assert.match(verdict.words, words);
    });
  }
});

describe('judgeLicences', () => {
  for (const { licence, allowed } of LICENCES) {
    it(`${allowed ? 'lets' : 'does not let'} a package be shipped under ${licence ?? 'nothing'}`, () => {
      assert.deepEqual(
        judgeLicences([{ name: 'a@1', licence }]),
        allowed ? [] : [`a@1: ${licence ?? 'no licence is given'}`],
      );
    });
  }
});
