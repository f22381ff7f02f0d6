import assert from 'node:assert/strict';
import { consulErrorOf } from '../../../src/adapters/consul/consul-failure.ts';
import type { ConsulFailure } from '../../../src/adapters/consul/consul-failure.ts';

const status = (code: number, text: string, location?: string): ConsulFailure => {
  return { kind: 'status', status: code, text, location };
};

describe('consulErrorOf', () => {
  const rows: readonly {
    readonly name: string;
    readonly failure: ConsulFailure;
    readonly code: string;
    readonly message: RegExp;
  }[] = [
    {
      name: 'a server that is away',
      failure: { kind: 'no answer', reason: 'connect ECONNREFUSED 10.0.0.1:8500' },
      code: 'unavailable',
      message: /^Consul at h:8500 cannot be asked: .*; is it running, and is the address right\?$/,
    },
    {
      name: 'plain text to a TLS port',
      failure: { kind: 'no answer', reason: 'consul: health.service: socket hang up' },
      code: 'unavailable',
      message: /does it speak TLS \(consul\+tls:\/\/\)/,
    },
    {
      name: 'a certificate of an unknown authority',
      failure: { kind: 'no answer', reason: 'self-signed certificate in certificate chain' },
      code: 'unavailable',
      message: /name its authority with \?ca=PATH/,
    },
    {
      name: 'an unknown token',
      failure: status(403, 'ACL not found'),
      code: 'forbidden',
      message: /rejected the token \(ACL not found\); check token-file or CONSUL_HTTP_TOKEN/,
    },
    {
      name: 'rights that are missing',
      failure: status(403, 'Permission denied'),
      code: 'forbidden',
      message: /rejected the token \(Permission denied\)/,
    },
    {
      name: 'no access control',
      failure: status(401, 'ACL support disabled'),
      code: 'acl-disabled',
      message: /ACL support disabled/,
    },
    {
      name: 'a proxy that wants a login',
      failure: status(401, ''),
      code: 'forbidden',
      message: /rejected the token \(401\)/,
    },
    { name: 'an old server', failure: status(404, ''), code: 'unknown-path', message: /\(404\)/ },
    {
      name: '[P12] no leader',
      failure: status(500, 'No cluster leader'),
      code: 'unavailable',
      message: /answered 500: No cluster leader$/,
    },
    {
      name: 'too many questions',
      failure: status(429, ''),
      code: 'unavailable',
      message: /answered 429$/,
    },
    {
      name: 'a redirect',
      failure: status(302, '', 'https://sso.example/login'),
      code: 'unavailable',
      message: /redirects to https:\/\/sso\.example\/login, which is not followed; name the server itself$/,
    },
    {
      name: 'a page',
      failure: { kind: 'not JSON', contentType: 'text/html' },
      code: 'unavailable',
      message: /answered with text\/html instead of JSON; is that address a Consul server, or a proxy/,
    },
    {
      name: 'words that would move the cursor, or never end',
      failure: status(500, `\u001b[2J${'x'.repeat(1_000)}`),
      code: 'unavailable',
      message: /answered 500: \\x1b\[2Jx{150,200}…$/,
    },
  ];
  for (const { name, failure, code, message } of rows) {
    it(`tells ${name}`, () => {
      const error = consulErrorOf(failure, { server: 'h:8500' });
      assert.equal(error.code, code);
      assert.match(error.message, message);
    });
  }
});
