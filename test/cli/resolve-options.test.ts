import assert from 'node:assert/strict';
import fc from 'fast-check';
import { BALANCES } from '../../src/domain/balance.ts';
import { formatProblem } from '../../src/domain/result.ts';
import { formatDuration } from '../../src/cli/duration.ts';
import { OPTIONS, OPTION_ROWS, environmentNames } from '../../src/cli/options.ts';
import { configPath, resolveLogOptions, resolveOptions } from '../../src/cli/resolve-options.ts';
import type { IpAddress, Port } from '../../src/domain/address.ts';
import type { OptionSources } from '../../src/cli/option-reader.ts';
import type { Options } from '../../src/cli/resolve-options.ts';

const FILE = '-discovery=file:x';

const DIALLED = 'that an interface can have and a container can dial';

function sources(given: readonly string[], rest: Partial<OptionSources> = {}): OptionSources {
  return { arguments: given, environment: {}, config: undefined, ...rest };
}

function right(given: readonly string[], rest: Partial<OptionSources> = {}): Options {
  const result = resolveOptions(sources([FILE, ...given], rest));
  assert.ok(result.ok, result.ok ? '' : result.problems.map(formatProblem).join('\n'));
  return result.value;
}

function wrong(given: readonly string[], rest: Partial<OptionSources> = {}): readonly string[] {
  const result = resolveOptions(sources(given, rest));
  assert.ok(!result.ok, 'the options must be refused');
  return result.problems.map(formatProblem);
}

function config(text: string): Partial<OptionSources> {
  return { config: { path: 'e.yaml', text } };
}

interface BadRow {
  readonly name: string;
  readonly given?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly config?: string;
  readonly expected: readonly string[];
}

const BAD: readonly BadRow[] = [
  {
    name: 'an unknown option, with the nearest right one',
    given: ['--prot', '80', '-frobnicate', '-discover=x'],
    expected: [
      'option --prot: unknown (did you mean --port?)',
      'option --frobnicate: unknown',
      'option --discover: unknown (did you mean --discovery?)',
    ],
  },
  {
    name: 'a variable that is nearly an option',
    environment: { EMBASSY_PROT: '80', EMBASSY_E2E: 'auto', EMBASSY_PORT_9999_TCP: 'x', PROT: '1' },
    expected: ['environment EMBASSY_PROT: unknown (did you mean EMBASSY_PORT?)'],
  },
  {
    name: 'a port out of range',
    given: ['-p=65536'],
    expected: ["option --port: '65536' is not a port from 1 to 65535"],
  },
  {
    name: 'the source: environment',
    environment: { EMBASSY_PORT: 'tcp://172.17.0.2:9999' },
    expected: ["environment EMBASSY_PORT: 'tcp://172.17.0.2:9999' is not a port from 1 to 65535"],
  },
  {
    name: 'the source: another variable',
    environment: { PROXY_PORT: '0' },
    expected: ["environment PROXY_PORT: '0' is not a port from 1 to 65535"],
  },
  {
    name: 'the source: config file',
    config: 'dnat: true\nport: 0\n',
    expected: ["config file e.yaml, line 2, port: '0' is not a port from 1 to 65535"],
  },
  {
    name: 'a missing value',
    given: ['--port'],
    expected: ['option --port: the value is missing; write --port=PORT'],
  },
  {
    name: '-v without its level',
    given: ['-v'],
    expected: ['option --v: the value is missing; write --v=LEVEL; --version tells the version'],
  },
  {
    name: 'a time',
    given: ['-resync=soon', '-drain=2h', '-half-close-timeout=0'],
    expected: [
      "option --resync: 'soon' is not a time from 1s to 24h (write 120, 500ms, 2s or 1m)",
      "option --half-close-timeout: '0' is not a time from 1s to 24h (write 120, 500ms, 2s or 1m)",
      "option --drain: '2h' is not a time from 0s to 1h (write 120, 500ms, 2s or 1m)",
    ],
  },
  {
    name: 'a count',
    given: ['-max-connections=-1', '-max-bindings=1e3', '-v=x'],
    expected: [
      "option --max-bindings: '1e3' is not a whole number from 1 to 65536",
      "option --max-connections: '-1' is not a whole number from 1 to 1000000",
      "option --v: 'x' is not a whole number from 0 to 99",
    ],
  },
  {
    name: 'a word',
    given: ['-provider=dokcer', '-balance=rndom', '-log-format=xml'],
    expected: [
      "option --provider: 'dokcer' is not one of docker, static (did you mean docker?)",
      `option --balance: 'rndom' is not one of ${BALANCES.join(', ')} (did you mean random?)`,
      "option --log-format: 'xml' is not one of auto, pretty, json",
    ],
  },
  {
    name: 'a switch',
    given: ['-dnat=maybe'],
    expected: ["option --dnat: 'maybe' is neither true nor false"],
  },
  {
    name: 'an address',
    given: ['-virtual-ip=docker0', '-consumer=0.0.0.0'],
    expected: [
      "option --consumer: '0.0.0.0' is neither an address nor '*'",
      "option --virtual-ip: 'docker0' is not an IPv4 or IPv6 address",
    ],
  },
  {
    name: 'an address nobody can dial',
    given: ['-virtual-ip=0.0.0.0'],
    expected: [`option --virtual-ip: '0.0.0.0' is not an address ${DIALLED}`],
  },
  {
    name: 'two virtual IPs of one family',
    given: ['-virtual-ip=10.0.0.1', '-virtual-ip=fd00::1', '-virtual-ip=10.0.0.2'],
    expected: ['option --virtual-ip: 10.0.0.1 and 10.0.0.2 are both IPv4; one of each family can be given'],
  },
  {
    name: 'names',
    given: ['-prefix=BACK END', '-interface=a b'],
    expected: [
      "option --prefix: 'BACK END' is not a name of letters, digits and _",
      "option --interface: 'a b' is not the name of an interface",
    ],
  },
  {
    name: "Docker's address",
    environment: { DOCKER_HOST: 'ssh://me@host' },
    expected: ["environment DOCKER_HOST: 'ssh://…@host' is not unix:///PATH or tcp://HOST:PORT"],
  },
  {
    name: 'where to listen',
    given: ['--listen=here'],
    expected: ["option --listen: 'here' is not ADDR or ADDR+OFFSET (127.0.0.1, 127.0.0.1+8000)"],
  },
  {
    name: 'an offset out of range',
    given: ['--listen=127.0.0.1+65535'],
    expected: ["option --listen: '127.0.0.1+65535' is not ADDR+OFFSET with an offset from 0 to 65534"],
  },
  {
    name: '[C4] two capture modes, whatever they come from',
    given: ['--dnat'],
    environment: { EMBASSY_LISTEN: '127.0.0.1' },
    expected: [
      'option --dnat, environment EMBASSY_LISTEN: only one capture mode can be chosen; keep one of them',
    ],
  },
  {
    name: '[C4] three capture modes',
    given: ['--dnat', '--redirect', '--listen'],
    expected: [
      'option --dnat, option --redirect, option --listen: ' +
        'only one capture mode can be chosen; keep one of them',
    ],
  },
  ...['224.0.0.1', '127.0.0.1', '255.255.255.255', 'fe80::1'].map((written) => ({
    name: `[C3] ${written} as virtual IP, which no interface can have for others to dial`,
    given: [`--virtual-ip=${written}`],
    expected: [`option --virtual-ip: '${written}' is not an address ${DIALLED}`],
  })),
  {
    name: '[C7] two discoveries of one name',
    given: ['-discovery=file:a', '-discovery=file:b'],
    expected: ["option --discovery: two discoveries are called 'file'; name one of them: NAME=file:b"],
  },
  {
    name: 'half a certificate for etcd',
    given: ['-etcd-cert=/c'],
    expected: ['option --etcd-cert: --etcd-keycert goes with it'],
  },
  {
    name: 'a discovery, with its column',
    given: ['-discovery=etcd://h:x'],
    expected: ["option --discovery, column 8: 'x' is not a port from 1 to 65535"],
  },
  {
    name: 'control characters as escapes',
    given: ['-p=\u001b[31m\n'],
    expected: ["option --port: '\\x1b[31m\\n' is not a port from 1 to 65535"],
  },
];

describe('resolveOptions', () => {
  it("[C8] has the original's defaults", () => {
    assert.deepEqual(right([]), {
      provider: 'docker',
      prefix: 'BACKEND_',
      docker: { kind: 'unix', path: '/var/run/docker.sock' },
      services: { text: '', place: 'option --services' },
      consumers: [],
      maxBindings: 256,
      filter: true,
      discoverySockets: 64,
      marathonPort: 10001,
      resyncMs: 120_000,
      lossHoldMs: 10_000,
      virtualIps: [],
      interface: 'eth0',
      port: 9999,
      balance: 'round-robin',
      proxier: 'auto',
      keepRules: false,
      ...{ kernelBytes: false, packetMark: 0x400_0000 },
      unbound: 'refuse',
      conntrackMax: undefined,
      conntrackTimeoutMs: undefined,
      stateDir: undefined,
      accessPolicy: undefined,
      config: undefined,
      accessLog: undefined,
      admin: {
        socket: { path: '/run/embassy.sock', given: false },
        listen: { address: '127.0.0.1', port: 9998, given: false },
        tokenFile: undefined,
      },
      unknownWaitMs: 3_000,
      upgradeDrainMs: 300_000,
      maxConnections: 10_000,
      maxConnectionsPerBinding: 10_000,
      endpointDrainMs: 60_000,
      resilience: {
        ejection: { failures: 5, baseMs: 30_000, capMs: 300_000 },
        panicThreshold: 0.25,
        slowStartMs: 0,
      },
      halfCloseTimeoutMs: 60_000,
      drainMs: 8_000,
      failFast: false,
      debug: false,
      logFormat: 'auto',
      discoveries: [{ scheme: 'file', name: 'file', path: 'x' }],
      capture: { kind: 'none' },
    });
  });

  it('[C8] takes a flag over the environment over the file over the default', () => {
    const file = config('port: 4\n');
    const environment = { EMBASSY_PORT: '2', PROXY_PORT: '3' };
    assert.equal(right(['-p=1'], { ...file, environment }).port, 1);
    assert.equal(right([], { ...file, environment }).port, 2);
    assert.equal(right([], { ...file, environment: { EMBASSY_PORT: '', PROXY_PORT: '3' } }).port, 3);
    assert.equal(right([], { ...file, environment: { EMBASSY_PORT: '', PROXY_PORT: '' } }).port, 4);
    assert.equal(right([]).port, 9999);
  });

  it('[C3] takes PROXY_IP, and an empty one as unset', () => {
    assert.deepEqual(right([], { environment: { PROXY_IP: '10.0.0.1' } }).virtualIps, ['10.0.0.1']);
    assert.deepEqual(right(['-virtual-ip='], { environment: { PROXY_IP: '' } }).virtualIps, []);
  });

  it('takes several values separated by spaces from a variable, and as a list from the file', () => {
    const ips = ['10.0.0.1', 'fd00::1'];
    assert.deepEqual(
      right([], { environment: { EMBASSY_VIRTUAL_IP: ' 10.0.0.1  fd00::1 ' } }).virtualIps,
      ips,
    );
    assert.deepEqual(right([], config('virtual-ip: [10.0.0.1, "fd00::1"]')).virtualIps, ips);
  });

  it('takes the last of several values of an option that has one, as Go does', () => {
    assert.equal(right(['-p=1', '--port', '2']).port, 2);
  });

  it('has a variable for every option', () => {
    assert.deepEqual(environmentNames(OPTIONS.halfCloseTimeout), ['EMBASSY_HALF_CLOSE_TIMEOUT']);
    assert.deepEqual(environmentNames(OPTIONS.docker), ['EMBASSY_DOCKER', 'DOCKER_HOST']);
  });

  const CAPTURES: readonly { readonly given: readonly string[]; readonly capture: Options['capture'] }[] = [
    { given: ['--dnat'], capture: { kind: 'dnat' } },
    { given: ['--dnat=false'], capture: { kind: 'none' } },
    { given: ['--redirect'], capture: { kind: 'redirect' } },
    { given: ['--redirect=false', '--listen=false', '--dnat'], capture: { kind: 'dnat' } },
    { given: ['--listen'], capture: { kind: 'listen', address: '127.0.0.1' as IpAddress, offset: 0 } },
    {
      given: ['--listen=+8000'],
      capture: { kind: 'listen', address: '127.0.0.1' as IpAddress, offset: 8000 },
    },
    { given: ['--listen=0.0.0.0'], capture: { kind: 'listen', address: '0.0.0.0' as IpAddress, offset: 0 } },
    { given: ['--listen=[::1]+1'], capture: { kind: 'listen', address: '::1' as IpAddress, offset: 1 } },
  ];
  for (const { given, capture } of CAPTURES) {
    it(`[C4] captures as ${given.join(' ')} says`, () => {
      assert.deepEqual(right(given).capture, capture);
    });
  }

  it("takes the original's variables for the kernel's connection tracking [C8]", () => {
    const environment = { IPTABLES_TRACK_MAX_CONNECTIONS: '262144', IPTABLES_TRACK_TIMEOUT: '300' };
    const { conntrackMax, conntrackTimeoutMs } = right([], { environment });
    assert.deepEqual([conntrackMax, conntrackTimeoutMs], [262_144, 300_000]);
  });

  it('turns listening on from the file, where true means the default address', () => {
    assert.equal(right([], config('listen: true')).capture.kind, 'listen');
  });

  it('tells details from -v=3 on', () => {
    assert.equal(right(['-v=2']).debug, false);
    assert.equal(right(['-v=3', '-logtostderr=true']).debug, true);
  });

  it('[C7] takes several discoveries in the order given, each by its name', () => {
    const { discoveries } = right(['-discovery=main=etcd://h', '-discovery=old=file:z']);
    assert.deepEqual(
      discoveries.map(({ name }) => name),
      ['file', 'main', 'old'],
    );
  });

  it('[C7] takes -etcd-* as defaults of an etcd URL, a certificate with its own key', () => {
    const flags = ['-etcd-cacert=/ca', '-etcd-cert=/c', '-etcd-keycert=/k'];
    const tls = (url: string): unknown => {
      const result = resolveOptions(sources([`-discovery=${url}`, ...flags]));
      assert.ok(result.ok);
      const [discovery] = result.value.discoveries;
      assert.ok(discovery?.scheme === 'etcd');
      return discovery.tls;
    };
    assert.deepEqual(tls('etcd://h'), { ca: '/ca', cert: '/c', key: '/k' });
    assert.deepEqual(tls('etcd+tls://h?cert=x&key=y'), { ca: '/ca', cert: 'x', key: 'y' });
    assert.deepEqual(tls('etcd+tls://h?ca=z'), { ca: 'z', cert: '/c', key: '/k' });
  });

  for (const row of BAD) {
    it(`reports ${row.name}`, () => {
      const file = row.config === undefined ? {} : config(row.config);
      const rest = { environment: row.environment ?? {}, ...file };
      const hasDiscovery = row.given?.some((argument) => argument.startsWith('-discovery')) === true;
      const given = [...(hasDiscovery ? [] : [FILE]), ...(row.given ?? [])];
      assert.deepEqual(wrong(given, rest), row.expected);
    });
  }

  it('[C8] names everything wrong at once, whatever it comes from', () => {
    const problems = wrong(['--bogus', '-p=0', '--redirect', '--dnat'], {
      environment: { EMBASSY_DRAIN: 'x' },
      ...config('foo: 1\nbalance: x'),
    });
    assert.deepEqual(problems, [
      'option --bogus: unknown',
      "config file e.yaml, line 1: unknown option 'foo'",
      'option --dnat, option --redirect: only one capture mode can be chosen; keep one of them',
      "option --port: '0' is not a port from 1 to 65535",
      `config file e.yaml, line 2, balance: 'x' is not one of ${BALANCES.join(', ')}`,
      "environment EMBASSY_DRAIN: 'x' is not a time from 0s to 1h (write 120, 500ms, 2s or 1m)",
    ]);
  });

  const SEED: readonly {
    readonly name: string;
    readonly given: readonly string[];
    readonly expected: Partial<Options>;
  }[] = [
    {
      name: 'a)',
      given: ['--dnat', '-provider=docker', '-v=3', '-interface=eth0'],
      expected: { capture: { kind: 'dnat' }, provider: 'docker', interface: 'eth0', debug: true },
    },
    {
      name: 'b)',
      given: ['-discovery=consul://10.0.0.1:8500', '-provider=static'],
      expected: { capture: { kind: 'none' }, provider: 'static' },
    },
    {
      name: 'c)',
      given: ['--redirect', '-provider=docker', '-v=3', '-interface=eth0'],
      expected: { capture: { kind: 'redirect' }, provider: 'docker' },
    },
    {
      name: 'd)',
      given: ['-interface', 'eth0', '-discovery', 'consul://HOST:8500', '-v=3', '-p=9999'],
      expected: { port: 9999 as Port, provider: 'docker' },
    },
  ];
  for (const { name, given, expected } of SEED) {
    it(`[C8] runs the original's command line ${name} as it was written`, () => {
      const result = resolveOptions(sources(given, { environment: { PROXY_IP: '', PROXY_PORT: '9999' } }));
      assert.ok(result.ok, 'it must be accepted');
      assert.deepEqual({ ...result.value, ...expected }, result.value);
      assert.deepEqual(
        result.value.discoveries.map(({ scheme }) => scheme),
        ['consul'],
      );
    });
  }

  it('gives back what was written, by flag, variable or file', () => {
    const written = fc.record({
      port: fc.integer({ min: 1, max: 65_535 }),
      resyncMs: fc.integer({ min: 1_000, max: 86_400_000 }),
      drainMs: fc.integer({ min: 0, max: 3_600_000 }),
      maxBindings: fc.integer({ min: 1, max: 65_536 }),
      balance: fc.constantFrom(...BALANCES),
      failFast: fc.boolean(),
    });
    const by = fc.constantFrom('flag', 'environment', 'file');
    fc.assert(
      fc.property(written, by, (options, source) => {
        const pairs = [
          ['port', String(options.port)],
          ['resync', formatDuration(options.resyncMs)],
          ['drain', formatDuration(options.drainMs)],
          ['max-bindings', String(options.maxBindings)],
          ['balance', options.balance],
          ['fail-fast', String(options.failFast)],
        ] as const;
        const flags = source === 'flag' ? pairs.map(([name, value]) => `-${name}=${value}`) : [];
        const variables = pairs.map(([name, value]) => [
          `EMBASSY_${name.toUpperCase().replaceAll('-', '_')}`,
          value,
        ]);
        const environment: Record<string, string> =
          source === 'environment' ? (Object.fromEntries(variables) as Record<string, string>) : {};
        const file = source === 'file' ? config(pairs.map((pair) => pair.join(': ')).join('\n')) : {};
        const read = right(flags, { environment, ...file });
        for (const [key, value] of Object.entries(options))
          assert.equal(read[key as keyof Options], value, key);
      }),
    );
  });

  it('has a right default in every row of the table, and distinct names', () => {
    const names = OPTION_ROWS.flatMap((row) => [row.name, ...row.aliases]);
    assert.equal(new Set(names).size, names.length);
    for (const row of OPTION_ROWS) {
      for (const text of row.defaults) assert.equal(row.kind.read(text).ok, true, row.name);
    }
  });

  it('never throws for what it is given', () => {
    const flag = fc.constantFrom(...OPTION_ROWS.map((row) => `--${row.name}`));
    const argument = fc.tuple(flag, fc.string()).map(([name, value]) => `${name}=${value}`);
    fc.assert(
      fc.property(fc.array(argument, { maxLength: 6 }), (given) => {
        const result = resolveOptions(sources(given));
        assert.ok(result.ok || result.problems.length > 0);
      }),
      { numRuns: 300 },
    );
  });
});

describe('resolveLogOptions', () => {
  it('takes the whole command line of run, also what is not there yet', () => {
    const given = [
      '--redirect',
      '--dnat',
      '-discovery=consul://h',
      '-discovery=etcd://h',
      '-v=3',
      '-log-format=json',
    ];
    assert.deepEqual(resolveLogOptions(sources(given)), {
      ok: true,
      value: { debug: true, logFormat: 'json' },
    });
  });

  it('reports what is wrong all the same', () => {
    const result = resolveLogOptions(sources(['--bogus', '-discovery=x', '-p=0']));
    assert.ok(!result.ok);
    assert.deepEqual(result.problems.map(formatProblem), [
      'option --bogus: unknown',
      'option --discovery, column 1: not a URL; write etcd://HOST:PORT or file:PATH',
      "option --port: '0' is not a port from 1 to 65535",
    ]);
  });
});

describe('configPath', () => {
  it('takes the flag over the variable', () => {
    const environment = { EMBASSY_CONFIG: '/b' };
    assert.equal(configPath({ arguments: ['-config', '/a'], environment })?.value, '/a');
    assert.equal(configPath({ arguments: [], environment })?.value, '/b');
    assert.equal(configPath({ arguments: [], environment: {} }), undefined);
  });
});
