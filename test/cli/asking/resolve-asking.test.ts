import assert from 'node:assert/strict';
import { program } from '../../../src/cli/program.ts';
import type { Invocation } from '../../../src/cli/program.ts';

function ran(...given: readonly string[]): { readonly invocation: Invocation; readonly err: string } {
  let err = '';
  const invocation = program(
    {
      out: () => undefined,
      err: (text) => {
        err += text;
      },
      readFile: () => '',
      environment: {},
      version: '1.2.3',
    },
    given,
  );
  return { invocation, err };
}

function asked(...given: readonly string[]): (Invocation & { readonly command: 'ask' })['asking'] {
  const { invocation, err } = ran(...given);
  assert(invocation.command === 'ask', err);
  return invocation.asking;
}

describe('resolveAsking', () => {
  it('asks at the socket, unless TCP was named', () => {
    assert.deepEqual(asked('status').options, {
      socket: '/run/embassy.sock',
      listen: { address: '127.0.0.1', port: 9998 },
      prefersListen: false,
      tokenFile: undefined,
      json: false,
      watch: false,
      timeoutMs: 30_000,
    });
    const { options } = asked('status', '--admin-listen=[::1]:1234', '--admin-socket', 'off', '--json');
    assert.deepEqual(options.listen, { address: '::1', port: 1234 });
    assert.deepEqual([options.socket, options.prefersListen, options.json], [undefined, true, true]);
  });

  it('reads whom and which port explain and wait are about', () => {
    const explain = asked('explain', 'web-1', '6379');
    assert.deepEqual(
      { ...explain, options: undefined },
      {
        what: 'explain',
        consumer: 'web-1',
        port: 6379,
        protocol: 'tcp',
        options: undefined,
      },
    );
    const wait = asked('wait', '--timeout', '5s', '172.17.0.2', '53/udp');
    assert(wait.what === 'wait');
    assert.deepEqual([wait.protocol, wait.port, wait.options.timeoutMs], ['udp', 53, 5_000]);
  });

  for (const { given, says } of [
    { given: ['explain'], says: /command 'explain': write: embassy explain <consumer> <port>/ },
    { given: ['explain', 'web'], says: /write: embassy explain <consumer> <port>/ },
    { given: ['explain', 'web', '0'], says: /'0' is not a port from 1 to 65535/ },
    { given: ['explain', 'web', '80/icmp'], says: /'80\/icmp' is not a port/ },
    { given: ['explain', 'web', '80', 'x'], says: /'x' is one word too many/ },
    { given: ['status', 'bindngs'], says: /'bindngs' is one word too many \(did you mean bindings\?\)/ },
    { given: ['status', '--dnat'], says: /option --dnat: not an option of status/ },
    { given: ['status', '--admin-listen=here'], says: /'here' is not ADDRESS:PORT/ },
    { given: ['--json', '--listen', '-discovery=file:x'], says: /option --json: not an option of run/ },
    {
      given: ['--listen', '-discovery=file:x', '--admin-listen=0.0.0.0:9998'],
      says: /others can reach 0\.0\.0\.0; give --admin-token-file/,
    },
    {
      given: ['--redirect', '-discovery=file:x', '--admin-listen=127.0.0.1:9998'],
      says: /with --redirect whoever shares the namespace could ask; use --admin-socket/,
    },
  ]) {
    it(`says what is wrong with: ${given.join(' ')}`, () => {
      const { invocation, err } = ran(...given);
      assert.deepEqual(invocation, { command: 'done', exitCode: 2 });
      assert.match(err, says);
    });
  }
});
