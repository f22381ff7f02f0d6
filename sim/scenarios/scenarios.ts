import { ADDRESS_REUSE } from './address-reuse.ts';
import { CONSUL_SCENARIOS } from './consul-scenarios.ts';
import { DISCOVERY_SCENARIOS } from './discovery-scenarios.ts';
import { DOCKER_SCENARIOS } from './docker-scenarios.ts';
import { HOST_SCENARIOS } from './host-scenarios.ts';
import { Stage } from './stage.ts';
import { TRAFFIC_SCENARIOS } from './traffic-scenarios.ts';
import type { Violation } from '../checkers/violation.ts';
import type { Settle } from '../clock.ts';
import type { TraceSink } from '../trace.ts';
import type { Scenario } from './scenario.ts';

/** Every scenario, in the order of ids. */
export const SCENARIOS: readonly Scenario[] = [
  ...ADDRESS_REUSE,
  ...CONSUL_SCENARIOS,
  ...DISCOVERY_SCENARIOS,
  ...DOCKER_SCENARIOS,
  ...HOST_SCENARIOS,
  ...TRAFFIC_SCENARIOS,
].sort((a, b) => (a.id === b.id ? 0 : a.id < b.id ? -1 : 1));

/**
 * Plays a scenario with all checkers watching, then stops embassy.
 *
 * @param settle - Lets every microtask that is due run.
 * @param sink - Takes the trace, line by line.
 * @returns What was expected and not seen, and what the checkers found; empty when all was well.
 */
export async function playScenario(
  dependencies: { readonly settle: Settle; readonly sink: TraceSink },
  scenario: Scenario,
): Promise<readonly Violation[]> {
  const { id, title, bounds = {}, sources = 'adapters', startsLate = false, hasStateDir = false } = scenario;
  const stage = new Stage(dependencies, { name: `${id} ${title}`, bounds, sources, hasStateDir });
  if (!startsLate) await stage.world.start();
  await scenario.play(stage);
  await stage.close();
  return stage.violations;
}
