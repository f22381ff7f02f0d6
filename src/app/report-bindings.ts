import { sameBinding } from '../domain/binding.ts';
import { diff } from '../domain/change.ts';
import type { Binding, BindingId } from '../domain/binding.ts';
import type { Log } from '../ports/log.ts';

/** Says which bindings were made, made anew and removed, a line each. */
export function reportBindings(
  log: Log,
  before: ReadonlyMap<BindingId, Binding>,
  after: ReadonlyMap<BindingId, Binding>,
): void {
  for (const change of diff(before, after, sameBinding)) {
    if (change.kind === 'remove') {
      const old = before.get(change.id);
      if (old !== undefined) log.info(`unbound ${inWords(old)}`);
    } else {
      const verb = before.has(change.value.id) ? 'rebound' : 'bound';
      log.info(`${verb} ${inWords(change.value)}`, { place: change.value.place });
    }
  }
}

function inWords(binding: Binding): string {
  const who = binding.address === '*' ? 'any consumer' : `${binding.consumerName} (${binding.address})`;
  return `${who}: port ${binding.port}/${binding.protocol} → ${binding.descriptor.service}`;
}
