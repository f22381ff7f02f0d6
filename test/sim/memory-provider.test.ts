import { consumerId } from '../../src/domain/consumer.ts';
import { parseDescriptor } from '../../src/domain/descriptor.ts';
import { parseIpAddress } from '../../src/domain/address.ts';
import { settle } from '../support/settle.ts';
import { MemoryProvider } from '../../sim/memory-provider.ts';
import { describeChangingProviderContract } from '../contracts/provider.contract.ts';
import { RULES } from '../support/docker-world.ts';
import type { WantedBinding } from '../../src/domain/consumer.ts';

describeChangingProviderContract('MemoryProvider', async () => {
  const provider = new MemoryProvider();
  return {
    provider,
    pass: settle,
    held: async () => 0,
    put: async (name, descriptors) => {
      const wants: WantedBinding[] = [];
      for (const text of descriptors) {
        const parsed = parseDescriptor(text, `consumer ${name}`, RULES);
        if (parsed.ok) wants.push({ descriptor: parsed.value, place: 'here' });
        for (const problem of parsed.problems) provider.report(problem);
      }
      const address = parseIpAddress('10.0.0.2') ?? '*';
      provider.put({
        id: consumerId(name),
        name,
        startedAt: '2026-01-01T00:00:00Z',
        namespaceOwner: undefined,
        addresses: [{ address, network: 'bridge', endpointId: name }],
        wants,
      });
    },
    remove: async (name) => {
      provider.remove(consumerId(name));
    },
    cut: async () => {
      provider.cut('the test cut it');
    },
    repair: async () => {
      provider.repair();
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
});
