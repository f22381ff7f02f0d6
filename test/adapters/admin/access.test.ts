import assert from 'node:assert/strict';
import { denialOf } from '../../../src/adapters/admin/access.ts';
import type { AdminRequest } from '../../../src/adapters/admin/access.ts';

const READ: AdminRequest = {
  method: 'GET',
  isLocalSocket: false,
  host: '127.0.0.1:9998',
  origin: undefined,
  authorization: undefined,
};
const CHANGE: AdminRequest = { ...READ, method: 'POST' };
const TOKEN = { authorization: 'Bearer s3cret' };

describe('denialOf', () => {
  const rows: readonly {
    readonly name: string;
    readonly request: AdminRequest;
    readonly path?: string;
    readonly token?: string;
    readonly readsNeedToken?: boolean;
    readonly status: number | undefined;
  }[] = [
    { name: 'answers who reads from this host', request: READ, status: undefined },
    { name: 'answers at localhost', request: { ...READ, host: 'localhost:9998' }, status: undefined },
    { name: 'answers at an IPv6 address', request: { ...READ, host: '[::1]:9998' }, status: undefined },
    {
      name: 'answers no other name, which a page may have led here',
      request: { ...READ, host: 'evil.example' },
      status: 421,
    },
    {
      name: 'answers no name that begins like an address',
      request: { ...READ, host: '127.0.0.1.evil.example' },
      status: 421,
    },
    { name: 'answers nobody without a name', request: { ...READ, host: undefined }, status: 421 },
    { name: 'lets nobody change anything without a token', request: CHANGE, status: 403 },
    {
      name: 'lets who has the token change something',
      request: { ...CHANGE, ...TOKEN },
      token: 's3cret',
      status: undefined,
    },
    { name: 'refuses a wrong token', request: { ...CHANGE, ...TOKEN }, token: 'other', status: 401 },
    {
      name: 'refuses a token that is none',
      request: { ...CHANGE, authorization: 's3cret' },
      token: 's3cret',
      status: 401,
    },
    {
      name: 'lets no web page change anything, token or not',
      request: { ...CHANGE, ...TOKEN, origin: 'http://127.0.0.1' },
      token: 's3cret',
      status: 403,
    },
    {
      name: 'lets the unix socket do everything',
      request: { ...CHANGE, isLocalSocket: true, host: 'x' },
      status: undefined,
    },
    {
      name: 'wants a token for reading where others reach loopback',
      request: READ,
      readsNeedToken: true,
      status: 403,
    },
    { name: 'wants the right one', request: READ, readsNeedToken: true, token: 's3cret', status: 401 },
    {
      name: 'takes the right one',
      request: { ...READ, ...TOKEN },
      readsNeedToken: true,
      token: 's3cret',
      status: undefined,
    },
    {
      name: 'tells probes a yes or no all the same',
      request: READ,
      readsNeedToken: true,
      path: '/healthz',
      status: undefined,
    },
    ...['/readyz', '/', '/page/page.js'].map((path) => {
      const name = `shows ${path}, which tells nothing of the daemon, without a token`;
      return { name, request: READ, readsNeedToken: true, path, status: undefined };
    }),
    ...['/readyz/x', '/page/', '/page/../v1/bindings', '/metrics'].map((path) => {
      return { name: `wants a token for ${path}`, request: READ, readsNeedToken: true, path, status: 403 };
    }),
  ];
  for (const { name, request, path = '/v1/bindings', token, readsNeedToken = false, status } of rows) {
    it(name, () => {
      const rules = { token, readsNeedToken, sameText: (a: string, b: string) => a === b };
      assert.equal(denialOf(request, path, rules)?.status, status);
    });
  }
});
