/**
 * What a pool makes of one of its endpoints. Only a ready one is picked; whoever has a connection to another
 * keeps it.
 */
export type EndpointState =
  | { readonly kind: 'ready' }
  /** Its weight is 0: no new connection, open ones go on. */
  | { readonly kind: 'draining' }
  /** Too many dials in a row failed; readmitted at an instant of the monotonic clock. */
  | { readonly kind: 'ejected'; readonly by: 'dials'; readonly untilMs: number }
  /** Its health check fails; readmitted when that passes. */
  | { readonly kind: 'ejected'; readonly by: 'check'; readonly reason: string };

/** Whether two states are the same in every respect. Pure. */
export function sameState(a: EndpointState, b: EndpointState): boolean {
  if (a.kind !== 'ejected' || b.kind !== 'ejected') return a.kind === b.kind;
  if (a.by === 'dials') return b.by === 'dials' && a.untilMs === b.untilMs;
  return b.by === 'check' && a.reason === b.reason;
}
