import assert from 'node:assert/strict';
import fc from 'fast-check';
import { normaliseArguments, split } from '../../src/cli/normalise-arguments.ts';

interface Row {
  readonly name: string;
  readonly given: readonly string[];
  readonly expected: readonly string[];
}

const ROWS: readonly Row[] = [
  { name: '-name=value', given: ['-interface=eth0'], expected: ['--interface=eth0'] },
  { name: '-name value', given: ['-interface', 'eth0'], expected: ['--interface=eth0'] },
  { name: '--name=value', given: ['--interface=eth0'], expected: ['--interface=eth0'] },
  { name: '--name value', given: ['--interface', 'eth0'], expected: ['--interface=eth0'] },
  { name: '[D12] -p is --port', given: ['-p', '9999', '-p=80'], expected: ['--port=9999', '--port=80'] },
  { name: '[D12] -port is --port', given: ['-port', '9999'], expected: ['--port=9999'] },
  { name: 'a switch stands alone', given: ['-dnat'], expected: ['--dnat=true'] },
  { name: 'a switch takes a value behind =', given: ['--dnat=false'], expected: ['--dnat=false'] },
  { name: 'a switch takes no next word', given: ['--dnat', 'check'], expected: ['check', '--dnat=true'] },
  { name: '--listen alone', given: ['--listen', 'check'], expected: ['check', '--listen='] },
  { name: '--listen=ADDR', given: ['-listen=::1+8000'], expected: ['--listen=::1+8000'] },
  {
    name: 'a value may hold =',
    given: ['-discovery=etcd://h?ca=/x'],
    expected: ['--discovery=etcd://h?ca=/x'],
  },
  {
    name: 'a value may be empty',
    given: ['-services=', '-prefix', ''],
    expected: ['--services=', '--prefix='],
  },
  { name: 'a negative number is a value', given: ['-v', '-3'], expected: ['--v=-3'] },
  {
    name: 'a missing value stays missing',
    given: ['-p', '--dnat', '-v'],
    expected: ['--port', '--dnat=true', '--v'],
  },
  { name: 'words go first', given: ['-v=3', 'check', '-p', '1'], expected: ['check', '--v=3', '--port=1'] },
  { name: 'an unknown option takes its value', given: ['-prot', '80'], expected: ['--prot=80'] },
  { name: 'an unknown option leaves a command', given: ['-foo', 'check'], expected: ['check', '--foo'] },
  { name: 'an unknown option leaves help', given: ['-foo', 'help'], expected: ['help', '--foo'] },
  {
    name: 'help and version',
    given: ['-h', '-help', '-version'],
    expected: ['--help', '--help', '--version'],
  },
  {
    name: 'nothing changes behind --',
    given: ['-v=1', '--', '-p', '1'],
    expected: ['--v=1', '--', '-p', '1'],
  },
  { name: 'a lone dash is a word', given: ['-', '-p', '-'], expected: ['-', '--port=-'] },
];

/** The lines of the original's documentation, as they stand there. */
const SEED: readonly Row[] = [
  {
    name: 'a) on the Docker host',
    given: ['--dnat', '-provider=docker', '-v=3', '-interface=eth0'],
    expected: ['--dnat=true', '--provider=docker', '--v=3', '--interface=eth0'],
  },
  {
    name: 'b) inside the container',
    given: ['-discovery=consul://<IP>:8500', '-provider=static'],
    expected: ['--discovery=consul://<IP>:8500', '--provider=static'],
  },
  {
    name: 'c) linked',
    given: ['--redirect', '-provider=docker', '-v=3', '-interface=eth0'],
    expected: ['--redirect=true', '--provider=docker', '--v=3', '--interface=eth0'],
  },
  {
    name: 'd) Consul',
    given: ['-interface', 'eth0', '-discovery', 'consul://HOST:8500', '-v=3', '-p=9999'],
    expected: ['--interface=eth0', '--discovery=consul://HOST:8500', '--v=3', '--port=9999'],
  },
  {
    name: 'e) etcd certificates',
    given: ['-etcd-cacert=', '-etcd-cert=', '-etcd-keycert='],
    expected: ['--etcd-cacert=', '--etcd-cert=', '--etcd-keycert='],
  },
];

describe('normaliseArguments', () => {
  for (const { name, given, expected } of ROWS) {
    it(`brings to one form: ${name}`, () => {
      assert.deepEqual(normaliseArguments(given), expected);
    });
  }

  for (const { name, given, expected } of SEED) {
    it(`[C8] accepts the original's command line verbatim: ${name}`, () => {
      assert.deepEqual(normaliseArguments(given), expected);
    });
  }

  const word = fc.oneof(
    fc.constantFrom('-p', '--port=1', '-dnat', '--listen', '-v', '--', '-', 'check', 'help', '-h'),
    fc.constantFrom('', '-=x', '---', '--=', '-p=-'),
    fc.string(),
    fc.string().map((text) => `-${text}`),
    fc.string().map((text) => `--${text}`),
  );

  it('never throws, and changes nothing the second time', () => {
    fc.assert(
      fc.property(fc.array(word, { maxLength: 8 }), (given) => {
        const once = normaliseArguments(given);
        assert.deepEqual(normaliseArguments(once), once);
      }),
    );
  });

  it('keeps the order of options', () => {
    const option = fc.constantFrom('--port', '--resync', '--foo', '--dnat');
    fc.assert(
      fc.property(fc.array(fc.tuple(option, fc.nat()), { maxLength: 6 }), (pairs) => {
        const given = pairs.map(([name, value]) => `${name}=${value}`);
        assert.deepEqual(normaliseArguments(given), given);
      }),
    );
  });
});

describe('split', () => {
  it('splits at the first equals sign', () => {
    assert.deepEqual(split('--a=b=c'), { name: 'a', value: 'b=c' });
    assert.deepEqual(split('-a='), { name: 'a', value: '' });
    assert.deepEqual(split('--a'), { name: 'a', value: undefined });
  });
});
