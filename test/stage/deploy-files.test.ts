import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { accessSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ipaddr from 'ipaddr.js';
import { parse } from 'yaml';
import { z } from 'zod';
import { formatControl } from '../../stage/package/format-control.ts';
import { MAINTAINER_SCRIPTS } from '../../stage/package/maintainer-scripts.ts';
import { program } from '../../src/cli/program.ts';
import { parseDescriptor } from '../../src/domain/descriptor.ts';
import { parseDocument } from '../../src/domain/endpoint-document.ts';
import type { Invocation } from '../../src/cli/program.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Of ten; what is left is root's rights over rules and Docker's socket. See systemd-analyze(1), security. */
const EXPOSURE_MAX = '25';

const UNIT = read('stage/systemd/embassy.service');

const COMPOSE = z
  .strictObject({
    name: z.string(),
    services: z.record(
      z.string(),
      z.strictObject({
        image: z.string(),
        command: z.array(z.string()),
        environment: z.record(z.string(), z.string()).default({}),
        network_mode: z.literal('host').optional(),
        networks: z.record(z.string(), z.strictObject({ ipv4_address: z.string().optional() })).optional(),
        cap_drop: z.array(z.string()).optional(),
        cap_add: z.array(z.string()).optional(),
        security_opt: z.array(z.string()).optional(),
        read_only: z.boolean().optional(),
        tmpfs: z.array(z.string()).optional(),
        volumes: z.array(z.string()).optional(),
        extra_hosts: z.array(z.string()).optional(),
        depends_on: z.array(z.string()).default([]),
        restart: z.enum(['on-failure', 'unless-stopped']).optional(),
      }),
    ),
    networks: z.record(
      z.string(),
      z.strictObject({ ipam: z.strictObject({ config: z.array(z.strictObject({ subnet: z.string() })) }) }),
    ),
  })
  .parse(parse(read('stage/compose/compose.yaml')));

const services = Object.entries(COMPOSE.services);

describe('stage/systemd/embassy.service', () => {
  it('is a unit that systemd reads without a complaint', function () {
    if (!has('systemd-analyze')) this.skip();
    const { status, said } = analyze(['verify']);
    assert.deepEqual({ status, said }, { status: 0, said: '' });
  });

  it('leaves the daemon little that an intruder could use', function () {
    if (!has('systemd-analyze')) this.skip();
    const { status, said } = analyze([
      'security',
      '--offline=true',
      `--threshold=${EXPOSURE_MAX}`,
      '--no-pager',
    ]);
    assert.equal(status, 0, said);
  });

  it('gives the capabilities that rules and low ports need, and no other', () => {
    const [, given = ''] = /^CapabilityBoundingSet=(.*)$/m.exec(UNIT) ?? [];
    assert.deepEqual(given.split(' '), ['CAP_NET_ADMIN', 'CAP_NET_RAW', 'CAP_NET_BIND_SERVICE']);
  });

  it('waits for a stop longer than the drain, and starts a daemon anew that hangs', () => {
    const [, stop = '0'] = /^TimeoutStopSec=(\d+)$/m.exec(UNIT) ?? [];
    assert(Number(stop) > 8);
    for (const line of ['Type=notify', 'WatchdogSec=30', 'Restart=always'])
      assert.match(UNIT, new RegExp(`^${line}$`, 'm'));
  });
});

describe('stage/systemd/embassy.yaml', () => {
  const text = read('stage/systemd/embassy.yaml');

  for (const [name, config] of [
    ['as it is', text],
    ['with every example in it taken', text.replaceAll(/^# ([a-z-]+: \S+)$/gm, '$1')],
  ] as const) {
    it(`is a config file that run takes, ${name}`, () => {
      const { invocation, said } = invoke(['--config=/etc/embassy/embassy.yaml'], config);
      assert.equal(said, '');
      assert(invocation.command === 'run');
      assert.deepEqual(invocation.options.capture, { kind: 'dnat' });
    });
  }
});

describe('stage/compose/compose.yaml', () => {
  it('names only services and networks that are there', () => {
    for (const [name, { depends_on: needed, networks = {} }] of services) {
      for (const other of needed) assert(other in COMPOSE.services, `${name} needs ${other}`);
      for (const network of Object.keys(networks)) assert(network in COMPOSE.networks, `${name}: ${network}`);
    }
  });

  it('gives each service another address of its network', () => {
    const subnet = ipaddr.parseCIDR(COMPOSE.networks['demo']?.ipam.config[0]?.subnet ?? '');
    const addresses = services.flatMap(([, { networks }]) => networks?.['demo']?.ipv4_address ?? []);
    assert(addresses.length >= 4);
    assert.equal(new Set(addresses).size, addresses.length);
    for (const address of addresses) assert(ipaddr.parse(address).match(subnet), address);
  });

  it('starts embassy with a command line that it takes, and no more rights than it needs', () => {
    const embassy = COMPOSE.services['embassy'];
    const { invocation, said } = invoke(embassy?.command ?? []);
    assert.equal(said, '');
    assert(invocation.command === 'run');
    assert.deepEqual([embassy?.cap_drop, embassy?.cap_add], [['ALL'], ['NET_ADMIN', 'NET_RAW']]);
    assert.deepEqual([embassy?.read_only, embassy?.tmpfs], [true, ['/run']]);
  });

  it('registers what its consumer asks for, at addresses that serve', () => {
    const put = services.flatMap(([name, { command }]) => {
      const at = command.indexOf('put');
      return at < 0 ? [] : [{ name, key: command[at + 1] ?? '', value: command[at + 2] ?? '' }];
    });
    const addresses = services.flatMap(([, { networks }]) => networks?.['demo']?.ipv4_address ?? []);
    for (const { name, key, value } of put) {
      const parsed = parseDocument(value, { key, place: name });
      assert(parsed.ok, name);
      assert(addresses.includes(parsed.value.address), name);
    }
    const wanted = services.flatMap(([, { environment }]) =>
      Object.entries(environment).filter(([name]) => name.startsWith('BACKEND_')),
    );
    assert(wanted.length >= 2);
    for (const [name, text] of wanted) {
      const parsed = parseDescriptor(text, name, {
        discoveries: [{ name: 'etcd', wildcards: true }],
        udp: false,
      });
      assert(parsed.ok && parsed.problems.length === 0, name);
      assert(
        put.some(({ key }) => key.startsWith(`${parsed.value.service}/`)),
        name,
      );
    }
  });
});

describe('stage/Dockerfile', () => {
  const text = read('stage/Dockerfile');

  it('has two stages on one base, and copies the program out of the first', () => {
    assert.deepEqual(text.match(/^FROM .*$/gm), ['FROM ${BASE} AS program', 'FROM ${BASE}']);
    assert.match(text, /^COPY --from=program \/out \/$/m);
  });

  for (const script of ['stage/entrypoint.sh', 'stage/healthcheck.sh', '.ci/run']) {
    it(`runs ${script}, which a shell can read`, () => {
      accessSync(join(ROOT, script), constants.X_OK);
      const shell = script.endsWith('.sh') ? 'sh' : 'bash';
      const { status, stderr } = spawnSync(shell, ['-n', join(ROOT, script)], { encoding: 'utf8' });
      assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
    });
  }

  it('asks the daemon for its health as a command that there is', () => {
    const [, line = ''] = /embassy\.cjs (.*) >/.exec(read('stage/healthcheck.sh')) ?? [];
    assert.equal(invoke(line.split(' ')).invocation.command, 'ask');
  });
});

describe('formatControl', () => {
  it('names version and kind of machine as Debian does', () => {
    const control = formatControl({ version: '1.2.3-rc.1', arch: 'x64' });
    assert.match(control, /^Version: 1\.2\.3~rc\.1\nArchitecture: amd64\n/m);
    assert.match(control, /\n$/);
  });

  it('refuses a kind of machine that it does not know', () => {
    assert.throws(() => formatControl({ version: '1.2.3', arch: 'vax' }), /machines of kind vax/);
  });
});

describe('MAINTAINER_SCRIPTS', () => {
  for (const [name, text] of Object.entries(MAINTAINER_SCRIPTS)) {
    it(`are such that a shell can read: ${name}`, () => {
      const { status, stderr } = spawnSync('sh', ['-n'], { encoding: 'utf8', input: text });
      assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
    });
  }

  it('stop a daemon before its program goes, and restart it on an upgrade', () => {
    assert.match(MAINTAINER_SCRIPTS.prerm, /= remove[\s\S]*disable --now embassy[\s\S]*embassy cleanup/);
    assert.match(MAINTAINER_SCRIPTS.postinst, /--kill-who=main --signal=USR2 embassy/);
  });
});

describe('npm pack', function () {
  this.timeout(30_000);

  it('holds what runs, its manual and its licence, and nothing else of the tree', () => {
    const { stdout } = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    const [packed] = z
      .array(z.object({ files: z.array(z.object({ path: z.string() })) }))
      .parse(JSON.parse(stdout));
    const paths = (packed?.files ?? []).map(({ path }) => path);
    for (const path of [
      'stage/embassy.cjs',
      'stage/require-node.cjs',
      'stage/embassy.1',
      'LICENSE',
      'README.md',
    ]) {
      assert(paths.includes(path), path);
    }
    const roots = new Set(paths.map((path) => path.split('/')[0] ?? ''));
    assert.deepEqual([...roots].filter((root) => root !== 'dist').sort(), [
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'package.json',
      'stage',
    ]);
  });
});

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

function has(command: string): boolean {
  return spawnSync(command, ['--version']).status === 0;
}

/** Has systemd read the unit, with a program in it that this machine has, and without its manual. */
function analyze(words: readonly string[]): { readonly status: number | null; readonly said: string } {
  const directory = mkdtempSync(join(tmpdir(), 'embassy-test-'));
  try {
    const unit = join(directory, 'embassy.service');
    const here = UNIT.replace('/usr/bin/embassy', process.execPath).replace(/^Documentation=.*\n/m, '');
    writeFileSync(unit, here);
    const { status, stdout, stderr } = spawnSync('systemd-analyze', [...words, unit], { encoding: 'utf8' });
    return { status, said: `${stdout}${stderr}`.trim() };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function invoke(
  given: readonly string[],
  config = '',
): { readonly invocation: Invocation; readonly said: string } {
  let said = '';
  const say = (text: string): void => {
    said += text;
  };
  const invocation = program(
    { out: say, err: say, readFile: () => config, environment: {}, version: '1.2.3' },
    given,
  );
  return { invocation, said };
}
