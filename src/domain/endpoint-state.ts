/**
 * What a pool makes of one of its endpoints. Only a ready one is picked; whoever has a connection to another
 * keeps it.
 */
export type EndpointState =
  | { readonly kind: 'ready' }
  /** No new connection. With weight 0 open ones go on; an operator's drain ends them in the end. */
  | { readonly kind: 'draining'; readonly by: 'weight' | 'operator' }
  /** An operator left it alone; readmitted by one. */
  | { readonly kind: 'ejected'; readonly by: 'operator' }
  /** Too many dials in a row failed; readmitted at an instant of the monotonic clock. */
  | { readonly kind: 'ejected'; readonly by: 'dials'; readonly untilMs: number }
  /** Its health check fails; readmitted when that passes. */
  | { readonly kind: 'ejected'; readonly by: 'check'; readonly reason: string };

/** Whether two states are the same in every respect. Pure. */
export function sameState(a: EndpointState, b: EndpointState): boolean {
  if (a.kind === 'ready' || b.kind === 'ready') return a.kind === b.kind;
  if (a.kind === 'draining' || b.kind === 'draining') return a.kind === b.kind && a.by === b.by;
  if (a.by === 'dials' && b.by === 'dials') return a.untilMs === b.untilMs;
  if (a.by === 'check' && b.by === 'check') return a.reason === b.reason;
  return a.by === b.by;
}
