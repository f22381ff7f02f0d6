import assert from 'node:assert/strict';
import { keyRangeOf } from '../../src/domain/key-range.ts';
import { service } from '../support/discovery-view.ts';

const ROWS = [
  { name: 'an instance', service: '/prod/web', key: '/prod/web/a', matches: true },
  { name: 'an instance at any depth', service: '/prod/web', key: '/prod/web/80/49177/6b06', matches: true },
  { name: 'a longer name [D07]', service: '/prod/web', key: '/prod/web2/a', matches: false },
  { name: 'the service itself', service: '/prod/web', key: '/prod/web', matches: false },
  { name: 'the bare prefix', service: '/prod/web', key: '/prod/web/', matches: false },
  { name: 'a name without a slash', service: 'web', key: 'web/a', matches: true },
  { name: 'any segment', service: '/*/web', key: '/prod/web/a', matches: true },
  { name: 'one segment only', service: '/*/web', key: '/eu/prod/web/a', matches: false },
  { name: 'a wildcard and a longer name', service: '/*/web', key: '/prod/web2/a', matches: false },
  { name: 'a wildcard and no instance', service: '/*/web', key: '/prod/web', matches: false },
  { name: 'a wildcard at the end', service: '/prod/*', key: '/prod/web/a', matches: true },
  { name: 'a wildcard at the end and no instance', service: '/prod/*', key: '/prod/web', matches: false },
  { name: 'an empty segment', service: '/prod/*', key: '/prod//a', matches: false },
];

describe('keyRangeOf', () => {
  for (const row of ROWS) {
    it(`${row.matches ? 'matches' : 'does not match'} ${row.name}`, () => {
      const range = keyRangeOf(service(row.service));
      assert.equal(range.matches(row.key), row.matches);
      if (row.matches) assert.ok(row.key.startsWith(range.prefix), 'the prefix must cover what matches');
    });
  }
});
