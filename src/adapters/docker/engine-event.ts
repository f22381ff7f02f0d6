import { z } from 'zod';

/** What an event of the engine asks for: to look again at a container, at the networks, at everything. */
export type EngineEvent =
  | { readonly kind: 'container'; readonly id: string }
  | { readonly kind: 'networks' }
  | { readonly kind: 'ignored' }
  | { readonly kind: 'unreadable' };

/**
 * What may change a consumer or the bridges. `die` covers every end of a container; pausing, health and
 * commands run inside one change nothing.
 */
export const EVENT_FILTER = {
  type: ['container', 'network'],
  event: ['start', 'die', 'destroy', 'rename', 'connect', 'disconnect', 'create', 'remove'],
} as const;

const CONTAINER_ACTIONS = ['start', 'die', 'destroy', 'rename'];
const ATTACHMENT_ACTIONS = ['connect', 'disconnect'];
const NETWORK_ACTIONS = ['create', 'destroy', 'remove'];

const eventSchema = z.object({
  Type: z.string(),
  Action: z.string(),
  Actor: z.object({ ID: z.string(), Attributes: z.record(z.string(), z.string()).nullish() }),
});

/**
 * Reads one event. The state it speaks of is not taken from it: the stream is lossy and late by design, so an
 * event only says where to look again [P03].
 *
 * @param value - One value of `GET /events`.
 * @returns What to look at. For a network's connect and disconnect that is the container they name: the
 *   actor is the network.
 *
 * Pure.
 */
export function readEngineEvent(value: unknown): EngineEvent {
  const parsed = eventSchema.safeParse(value);
  if (!parsed.success) return { kind: 'unreadable' };
  const { Type, Action, Actor } = parsed.data;
  if (Type === 'container' && CONTAINER_ACTIONS.includes(Action)) return { kind: 'container', id: Actor.ID };
  if (Type !== 'network') return { kind: 'ignored' };
  if (NETWORK_ACTIONS.includes(Action)) return { kind: 'networks' };
  if (!ATTACHMENT_ACTIONS.includes(Action)) return { kind: 'ignored' };
  const id = Actor.Attributes?.['container'];
  return id === undefined || id === '' ? { kind: 'unreadable' } : { kind: 'container', id };
}
