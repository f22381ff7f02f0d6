import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isAllowed } from '../../src/domain/access-policy.ts';
import { serviceName } from '../support/bindings.ts';
import type { AccessRequest, AccessRule, ContainerRule } from '../../src/domain/access-policy.ts';

const ANYBODY: ContainerRule = { name: undefined, image: undefined, network: undefined, label: undefined };

const SHOP: AccessRequest = {
  name: 'shop-1',
  image: 'registry.example/shop:1.2',
  labels: [
    ['team', 'retail'],
    ['tier', 'front'],
  ],
  network: 'shop_default',
  service: serviceName('/services/prod/redis'),
};

function rule(
  services: readonly string[],
  containers: Partial<ContainerRule> = {},
  except: readonly string[] = [],
): AccessRule {
  return { containers: { ...ANYBODY, ...containers }, services, except };
}

describe('isAllowed', () => {
  const redis = ['/services/prod/redis'];
  const rows: readonly {
    readonly name: string;
    readonly rules: readonly AccessRule[];
    readonly request?: Partial<AccessRequest>;
    readonly allowed: boolean;
  }[] = [
    { name: 'nothing without a rule', rules: [], allowed: false },
    { name: 'a service that is named', rules: [rule(redis)], allowed: true },
    { name: 'no other service', rules: [rule(['/services/prod/db'])], allowed: false },
    { name: 'what a glob means', rules: [rule(['/services/prod/*'])], allowed: true },
    { name: 'no service whose name only begins so', rules: [rule(['/services/prod'])], allowed: false },
    { name: 'what any of several rules allows', rules: [rule(['/x']), rule(redis)], allowed: true },
    { name: 'a container of that name', rules: [rule(redis, { name: ['web', 'shop-*'] })], allowed: true },
    { name: 'no container of another name', rules: [rule(redis, { name: ['web-*'] })], allowed: false },
    { name: 'a container of that image', rules: [rule(redis, { image: ['*/shop:*'] })], allowed: true },
    { name: 'none of another image', rules: [rule(redis, { image: ['shop:*'] })], allowed: false },
    { name: 'a binding on that network', rules: [rule(redis, { network: ['shop_*'] })], allowed: true },
    {
      name: 'none of the same container on another network',
      rules: [rule(redis, { network: ['shop_*'] })],
      request: { network: 'bridge' },
      allowed: false,
    },
    {
      name: 'a container with a label of that value',
      rules: [rule(redis, { label: [{ name: 'team', value: 're*' }] })],
      allowed: true,
    },
    {
      name: 'none whose other label has that value',
      rules: [rule(redis, { label: [{ name: 'team', value: 'front' }] })],
      allowed: false,
    },
    {
      name: 'none that lacks the label',
      rules: [rule(redis, { label: [{ name: 'owner', value: '*' }] })],
      allowed: false,
    },
    {
      name: 'a container only for whom all parts of a rule fit',
      rules: [rule(redis, { name: ['shop-*'], image: ['other'] })],
      allowed: false,
    },
    {
      name: 'not what is excepted',
      rules: [rule(['/services/*'], {}, ['/services/prod/redis'])],
      allowed: false,
    },
    {
      name: 'what one rule excepts and another allows',
      rules: [rule(['/services/*'], {}, redis), rule(redis)],
      allowed: true,
    },
    {
      name: 'a pattern that a glob covers',
      rules: [rule(['/services/*'])],
      request: { service: serviceName('/services/*/redis') },
      allowed: true,
    },
    {
      name: 'no pattern that reaches beyond the services of a rule',
      rules: [rule(redis)],
      request: { service: serviceName('/services/*/redis') },
      allowed: false,
    },
    {
      name: 'no pattern that reaches into what is excepted',
      rules: [rule(['/services/*'], {}, ['/services/prod/secret'])],
      request: { service: serviceName('/services/prod/*') },
      allowed: false,
    },
  ];
  for (const { name, rules, request = {}, allowed } of rows) {
    it(`allows ${name}`, () => {
      assert.equal(isAllowed({ source: 'p', rules }, { ...SHOP, ...request }), allowed);
    });
  }

  it('allows no less for another rule, and the same in any order', () => {
    const names = fc.constantFrom('/services/prod/redis', '/services/prod/*', '/x', '*');
    const some = fc.array(names, { minLength: 1, maxLength: 2 });
    const rules = fc.array(
      fc.record({
        services: some,
        except: fc.array(names, { maxLength: 1 }),
        containers: fc.record({
          name: fc.option(fc.array(fc.constantFrom('shop-*', 'web'), { minLength: 1 }), { nil: undefined }),
          image: fc.constant(undefined),
          network: fc.constant(undefined),
          label: fc.constant(undefined),
        }),
      }),
      { maxLength: 4 },
    );
    fc.assert(
      fc.property(rules, rules, (one, other) => {
        const allowed = isAllowed({ source: 'p', rules: one }, SHOP);
        const both = isAllowed({ source: 'p', rules: [...one, ...other] }, SHOP);
        if (allowed) assert(both);
        assert.equal(isAllowed({ source: 'p', rules: [...other, ...one].reverse() }, SHOP), both);
      }),
    );
  });
});
