import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { wantsOf } from '../../src/adapters/docker/wants-of.ts';
import { OPTION_ROWS } from '../../src/cli/options.ts';
import { program } from '../../src/cli/program.ts';
import { parseDocument } from '../../src/domain/endpoint-document.ts';
import type { AddressInfo } from 'node:net';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

const TIMEOUT_MS = 40_000;

const SECRET = 'Zk3-s3cr3t-7Qx';

/** The secret as headers and addresses carry it. */
const SHAPES = [SECRET, encodeURIComponent(SECRET), Buffer.from(`root:${SECRET}`).toString('base64')];

/** One service for each discovery, each at a port of its own. */
const SERVICES = ['consul', 'env', 'etcd2', 'basic', 'token']
  .map((name, at) => `/a/80;${40_001 + at};from=${name}`)
  .join(',');

/** Command lines on which somebody wrote a secret where none may stand. */
const CARELESS: readonly { readonly name: string; readonly given: readonly string[] }[] = [
  { name: 'a password in the URL of etcd', given: [`-discovery=etcd://root:${SECRET}@10.0.0.1`] },
  { name: 'a password in the URL of etcd v2', given: [`-discovery=etcd2://root:${SECRET}@10.0.0.1`] },
  { name: 'a password in the URL of Marathon', given: [`-discovery=marathon://root:${SECRET}@10.0.0.1`] },
  { name: 'a token in the URL of Consul', given: [`-discovery=consul://10.0.0.1?token=${SECRET}`] },
  { name: 'a password among the keys of a URL', given: [`-discovery=etcd://10.0.0.1?password=${SECRET}`] },
  { name: 'a URL of another scheme', given: [`-discovery=http://root:${SECRET}@10.0.0.1:8500`] },
  {
    name: 'a URL with two discoveries of one name',
    given: [`-discovery=etcd://root@10.0.0.1?password-file=/p`, `-discovery=etcd://root:${SECRET}@10.0.0.1`],
  },
  {
    name: "a password in Docker's URL",
    given: ['-discovery=file:x', `-docker=tcp://root:${SECRET}@10.0.0.1`],
  },
];

describe('A secret', function () {
  this.timeout(TIMEOUT_MS);

  for (const { name, given } of CARELESS) {
    for (const from of ['flag', 'environment', 'config file'] as const) {
      it(`is not repeated when it stands where none may: ${name}, ${from}`, () => {
        const said = refusalOf(given, from);
        assert.notEqual(said, '');
        assertSilent(said);
      });
    }
  }

  it('of a registration is not repeated, wherever the document is broken', () => {
    const document = JSON.stringify({
      env: { PASSWORD: SECRET },
      ipaddress: 'not an address',
      host_port: 'no port',
      tags: 7,
      secret: SECRET,
    });
    const cut = fc.nat({ max: document.length });
    fc.assert(
      fc.property(cut, cut, (from, length) => {
        const broken = document.slice(0, from) + document.slice(from + length);
        // Where the cut made it the place itself, it is named as what is wrong with it.
        fc.pre(!new RegExp(`"(ipaddress|host_port)":"[^"]*${SECRET}`).test(broken));
        assertSilent(JSON.stringify(parseDocument(broken, { key: '/services/a', place: 'here' })));
      }),
    );
  });

  it("of a container's environment is not repeated with what is wrong beside it", () => {
    const container = {
      id: 'c0ffee',
      name: 'web-1',
      running: true,
      startedAt: '',
      env: [`DB_PASSWORD=${SECRET}`, 'BACKEND_WEB=;;wrong', `AFTER=${SECRET}`],
      image: 'shop:1',
      labels: [['traefik.secret', SECRET]] as const,
      networkMode: 'bridge',
      attachments: [],
      published: [],
    };
    const found = wantsOf(container, { prefix: 'BACKEND_', rules: { discoveries: [], udp: false } });
    assert.notDeepEqual(found.problems, []);
    assertSilent(JSON.stringify(found));
  });

  it('that was given in a file or the environment is in no log and no answer of the admin API', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'embassy-test-'));
    // A server that refuses, and repeats all that it was told, as some gateways do.
    const server = createServer((asked, response) => {
      response.writeHead(403, { 'content-type': 'text/plain' });
      response.end(JSON.stringify(asked.headers));
    });
    try {
      server.listen({ host: '127.0.0.1', port: 0 });
      await once(server, 'listening');
      const at = `127.0.0.1:${(server.address() as AddressInfo).port}`;
      const file = join(directory, 'secret');
      writeFileSync(file, `${SECRET}\n`, { mode: 0o600 });
      const socket = join(directory, 'admin.sock');
      const child = spawn(
        process.execPath,
        [
          ...[MAIN, '-provider=static', '-consumer=*', '--listen=127.0.0.1', '-v=3', '--log-format=json'],
          `-services=${SERVICES}`,
          `-discovery=consul=consul://${at}?token-file=${file}`,
          `-discovery=env=consul://${at}`,
          `-discovery=etcd2=etcd2://root@${at}?password-file=${file}`,
          `-discovery=basic=marathon://root@${at}?password-file=${file}`,
          `-discovery=token=marathon://${at}?token-file=${file}`,
          ...[`--admin-socket=${socket}`, '--admin-listen=off', `--admin-token-file=${file}`],
        ],
        {
          stdio: ['ignore', 'pipe', 'pipe'],
          env: { PATH: process.env['PATH'], CONSUL_HTTP_TOKEN: SECRET },
        },
      );
      const said = Promise.all([text(child.stdout), text(child.stderr)]);
      const exited = once(child, 'exit');
      try {
        await answered(child.stderr, 5);
        for (const path of ['bindings', 'services', 'endpoints', 'connections', 'events', 'version']) {
          assertSilent(await ask(socket, `/v1/${path}`));
        }
        for (const path of ['/metrics', '/readyz', '/openapi.json']) assertSilent(await ask(socket, path));
      } finally {
        child.kill('SIGTERM');
        await exited;
      }
      const log = (await said).join('\n');
      assert.match(log, /refuses to tell|cannot tell/);
      assertSilent(log);
    } finally {
      server.close();
      server.closeAllConnections();
      rmSync(directory, { recursive: true });
    }
  });
});

function assertSilent(said: string): void {
  for (const shape of SHAPES) {
    const at = said.indexOf(shape);
    assert(at < 0, `a secret is repeated: …${said.slice(Math.max(0, at - 120), at + 40)}…`);
  }
}

/** What the program says of a wrong command line, wherever its options are written. */
function refusalOf(given: readonly string[], from: 'flag' | 'environment' | 'config file'): string {
  const pairs = given.map((argument) => {
    const [, name = '', value = ''] = /^-([a-z-]+)=(.*)$/.exec(argument) ?? [];
    return { name, value };
  });
  assert(pairs.every(({ name }) => OPTION_ROWS.some((row) => row.name === name)));
  const names = [...new Set(pairs.map(({ name }) => name))];
  const valuesOf = (wanted: string): readonly string[] =>
    pairs.filter(({ name }) => name === wanted).map(({ value }) => value);
  const environment = Object.fromEntries(
    names.map((name) => [`EMBASSY_${name.toUpperCase().replaceAll('-', '_')}`, valuesOf(name).join(' ')]),
  );
  const config = names.map((name) => `${name}: ${JSON.stringify(valuesOf(name))}\n`).join('');
  let said = '';
  program(
    {
      out: (written) => {
        said += written;
      },
      err: (written) => {
        said += written;
      },
      readFile: () => config,
      environment: from === 'environment' ? environment : {},
      version: '1.2.3',
    },
    from === 'flag' ? given : from === 'config file' ? ['-config=/e.yaml'] : [],
  );
  return said;
}

/** Waits until so many of the services were refused an answer. */
async function answered(stream: NodeJS.ReadableStream, count: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  let seen = '';
  stream.on('data', (chunk: Buffer) => {
    seen += chunk.toString();
    const lines = seen.split('\n').filter((line) => /refuses to tell|cannot tell/.test(line));
    if (lines.length >= count) resolve(undefined);
  });
  stream.on('end', () => {
    resolve(undefined);
  });
  await promise;
}

async function ask(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath, path, agent: false }, (response) => {
      text(response).then(resolve, reject);
    });
    asking.once('error', reject);
    asking.end();
  });
}
