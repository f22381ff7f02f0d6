import { consumerId } from '../../domain/consumer.ts';
import { parseDescriptor, splitDescriptors } from '../../domain/descriptor.ts';
import type { IpAddress } from '../../domain/address.ts';
import type { AnyAddress, Consumer, WantedBinding } from '../../domain/consumer.ts';
import type { DescriptorRules } from '../../domain/descriptor.ts';
import type { Problem } from '../../domain/result.ts';
import type { Provider, ProviderItem } from '../../ports/provider.ts';

/** What the command line asks for. */
export interface StaticProviderOptions {
  /** Descriptors, separated by commas [C1]; empty for none. */
  readonly services: string;
  /** Where they were written, for problems: `option --services`, `environment EMBASSY_SERVICES`. */
  readonly place: string;
  /** From where they may be used; `*` for anywhere. */
  readonly addresses: readonly (IpAddress | AnyAddress)[];
  /** What discovery and proxier can serve. */
  readonly rules: DescriptorRules;
  /** Through which interfaces of the host consumers arrive; sorted. */
  readonly interfaces: readonly string[];
}

/**
 * Makes the provider of the bindings that the command line names: one consumer, which never changes.
 *
 * A descriptor that cannot be read is a problem, with its column in the whole option, and never stops the
 * others [P10].
 */
export function createStaticProvider(options: StaticProviderOptions): Provider {
  const snapshot = snapshotOf(options);
  return {
    name: 'static',
    async *watch({ signal }) {
      if (signal.aborted) return;
      yield snapshot;
      await aborted(signal);
    },
  };
}

function snapshotOf({ services, place, addresses, rules, interfaces }: StaticProviderOptions): ProviderItem {
  const wants: WantedBinding[] = [];
  const problems: Problem[] = [];
  for (const { text, offset } of splitDescriptors(services)) {
    const parsed = parseDescriptor(text, place, rules, offset);
    const column = offset + text.length - text.trimStart().length + 1;
    if (parsed.ok) wants.push({ descriptor: parsed.value, place: `${place}, column ${column}` });
    problems.push(...parsed.problems);
  }
  const consumer: Consumer = {
    id: consumerId('static'),
    name: 'static',
    startedAt: '',
    namespaceOwner: undefined,
    addresses: addresses.map((address) => ({ address, network: 'static', endpointId: '' })),
    wants,
  };
  return { kind: 'snapshot', consumers: [consumer], interfaces, problems };
}

/** Resolves when the signal is aborted, at once if it is. */
async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener(
      'abort',
      () => {
        resolve();
      },
      { once: true },
    );
  });
}
