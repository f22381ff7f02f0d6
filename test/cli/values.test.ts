import assert from 'node:assert/strict';
import fc from 'fast-check';
import { formatDockerHost, parseDockerHost } from '../../src/cli/docker-host.ts';
import { formatDuration, parseDuration } from '../../src/cli/duration.ts';
import { nearestName, suggestion } from '../../src/cli/nearest-name.ts';
import { markBits } from '../../src/cli/option-value.ts';
import { printable } from '../../src/domain/printable.ts';
import type { Port } from '../../src/domain/address.ts';

describe('parseDuration', () => {
  const ROWS = [
    ['120', 120_000],
    ['0', 0],
    ['500ms', 500],
    ['2s', 2_000],
    ['1m', 60_000],
    ['1h', 3_600_000],
    ['1.5s', 1_500],
    ['0.001', 1],
    ['', undefined],
    ['s', undefined],
    ['-1', undefined],
    ['1 s', undefined],
    ['1d', undefined],
    ['1m30s', undefined],
    ['1e3', undefined],
    ['0.5ms', undefined],
  ] as const;
  for (const [text, expected] of ROWS) {
    it(`reads '${text}' as ${expected === undefined ? 'no time' : `${expected} ms`}`, () => {
      assert.equal(parseDuration(text), expected);
    });
  }

  it('reads back what formatDuration writes', () => {
    fc.assert(
      fc.property(fc.nat({ max: 1e12 }), (ms) => {
        assert.equal(parseDuration(formatDuration(ms)), ms);
      }),
    );
  });
});

describe('formatDuration', () => {
  it('takes the largest unit that keeps it whole', () => {
    assert.deepEqual([0, 1, 1_500, 90_000, 120_000, 7_200_000].map(formatDuration), [
      '0s',
      '1ms',
      '1500ms',
      '90s',
      '2m',
      '2h',
    ]);
  });
});

describe('markBits', () => {
  for (const [text, bits] of [
    ['0x4000000', 0x400_0000],
    ['67108864', 0x400_0000],
    ['0XFFFFFFFF', 0xffff_ffff],
    ['0', undefined],
    ['0x0', undefined],
    ['0x100000000', undefined],
    ['4294967296', undefined],
    ['-1', undefined],
    ['mark', undefined],
  ] as const) {
    it(`reads '${text}' as ${bits === undefined ? 'no mark' : `the bits ${bits}`}`, () => {
      const reading = markBits().read(text);
      assert.equal(reading.ok ? reading.value : undefined, bits);
    });
  }
});

describe('parseDockerHost', () => {
  const GOOD = [
    { text: 'unix:///var/run/docker.sock', expected: { kind: 'unix', path: '/var/run/docker.sock' } },
    { text: 'tcp://10.0.0.1', expected: { kind: 'tcp', host: '10.0.0.1', port: 2375 } },
    { text: 'http://h:80/', expected: { kind: 'tcp', host: 'h', port: 80 } },
    { text: 'tcp://[fd00::1]', expected: { kind: 'tcp', host: 'fd00::1', port: 2375 } },
  ];
  for (const { text, expected } of GOOD) {
    it(`reads ${text}`, () => {
      assert.deepEqual(parseDockerHost(text), { ok: true, value: expected });
    });
  }

  for (const text of [
    '',
    '/var/run/docker.sock',
    'unix://docker.sock',
    'ssh://h',
    'tcp://',
    'tcp://h:0',
    'tcp://h/x',
  ]) {
    it(`refuses '${text}'`, () => {
      const message = `'${text}' is not unix:///PATH or tcp://HOST:PORT`;
      assert.deepEqual(parseDockerHost(text), { ok: false, faults: [{ message }] });
    });
  }

  it('says that TLS is not available, and what is', () => {
    const read = parseDockerHost('https://[fd00::1]');
    const message =
      "'https://[fd00::1]': TLS to Docker is not available in this version; use unix:///PATH or tcp://HOST:PORT";
    assert.deepEqual(read, { ok: false, faults: [{ message }] });
  });

  it('reads back what formatDockerHost writes', () => {
    for (const host of ['10.0.0.1', 'fd00::1', 'docker']) {
      const value = { kind: 'tcp' as const, host, port: 1234 as Port };
      assert.deepEqual(parseDockerHost(formatDockerHost(value)), { ok: true, value });
    }
  });
});

describe('nearestName', () => {
  const NAMES = ['port', 'prefix', 'provider', 'v', 'dnat'];

  it('finds a name with a letter wrong, missing, too many or swapped', () => {
    assert.deepEqual(
      ['part', 'por', 'portt', 'prot', 'PORT', 'provdier'].map((written) => nearestName(written, NAMES)),
      ['port', 'port', 'port', 'port', 'port', 'provider'],
    );
  });

  it('finds none where all are far', () => {
    assert.deepEqual(
      ['', 'x', 'spoon', 'x'.repeat(65)].map((written) => nearestName(written, NAMES)),
      [undefined, undefined, undefined, undefined],
    );
  });

  it('is put in words', () => {
    assert.equal(suggestion('prot', NAMES), ' (did you mean port?)');
    assert.equal(suggestion('spoon', NAMES), '');
  });
});

describe('printable', () => {
  it('leaves one line without control characters, whatever comes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const shown = printable(text);
        assert.doesNotMatch(shown, /[\p{Cc}\u2028\u2029\u202e]/u);
        assert.equal(printable(shown), shown);
      }),
    );
  });

  it('leaves letters of any language alone', () => {
    assert.equal(printable('brücke → 橋'), 'brücke → 橋');
  });
});
