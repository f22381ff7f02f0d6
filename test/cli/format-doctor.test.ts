import assert from 'node:assert/strict';
import { formatDoctor, formatDoctorJson } from '../../src/cli/format-doctor.ts';

const FINE = { check: 'clock', state: 'ok', seen: "within 1 s of consul's", advice: undefined } as const;
const BAD = { check: 'forwarding', state: 'wrong', seen: 'is 0', advice: 'sysctl -w x=1' } as const;
const ODD = { check: 'open files', state: 'warning', seen: 'few', advice: 'more' } as const;

describe('formatDoctor', () => {
  it('shows each thing in a line, what to do below it, and the count', () => {
    assert.equal(
      formatDoctor([FINE, BAD, ODD]),
      [
        "ok       clock       within 1 s of consul's",
        'wrong    forwarding  is 0',
        '                     → sysctl -w x=1',
        'warning  open files  few',
        '                     → more',
        '',
        '1 thing is wrong, 1 warning. Nothing was changed.',
        '',
      ].join('\n'),
    );
  });

  it('says that all is well where it is', () => {
    assert.match(formatDoctor([FINE]), /\n\nAll is well. Nothing was changed.\n$/);
  });

  it('keeps texts of foreign origin within their line', () => {
    assert.match(formatDoctor([{ ...BAD, seen: 'a\nok  everything' }]), /a\\nok {2}everything/);
  });
});

describe('formatDoctorJson', () => {
  it('has the findings as they are, and how many are no good', () => {
    assert.deepEqual(JSON.parse(formatDoctorJson([FINE, BAD, ODD])), {
      findings: [{ check: 'clock', state: 'ok', seen: FINE.seen }, BAD, ODD],
      wrong: 1,
      warnings: 1,
    });
  });
});
