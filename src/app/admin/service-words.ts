import type { ServiceView } from '../../ports/admin.ts';
import type { ServiceWatch } from '../service-watch.ts';

/** Tells what one discovery knows of a service. Pure. */
export function serviceView(
  source: { readonly discovery: string; readonly watch: ServiceWatch },
  nowMs: number,
): ServiceView {
  const { discovery, watch } = source;
  return {
    service: watch.service,
    discovery,
    status: watch.status,
    reason: watch.outage ?? null,
    revision: watch.revision ?? null,
    answeredMsAgo: watch.answeredAtMs === undefined ? null : Math.round(nowMs - watch.answeredAtMs),
    endpoints: watch.endpoints?.size ?? null,
    suspected: watch.suspectedLosses,
  };
}

/** What one discovery says of a service, as a sentence. Pure. */
export function serviceInWords(view: ServiceView): string {
  const { discovery, endpoints, reason, revision, suspected } = view;
  const has = endpoints === null ? 'knows nothing yet' : `has ${counted(endpoints, 'endpoint')}`;
  const kept = suspected === 0 ? '' : `, ${suspected} of them kept although its last answer lacked them`;
  switch (view.status) {
    case 'pending':
      return `${discovery} has not answered yet${endpoints === null ? '' : `; an earlier run ${has}`}`;
    case 'answering':
      return `${discovery} ${has}${kept}; told ${age(view.answeredMsAgo)} ago (${revision ?? 'no revision'})`;
    case 'unreachable':
    case 'forbidden': {
      const what = view.status === 'forbidden' ? 'refuses to tell' : 'cannot be asked';
      const known = endpoints === null ? 'nothing is known' : `keeping ${counted(endpoints, 'endpoint')}`;
      const old = view.answeredMsAgo === null ? '' : `, ${age(view.answeredMsAgo)} ago`;
      return `${discovery} ${what} (${reason ?? 'no reason given'}); ${known}${old}`;
    }
  }
}

/** `[a,b]`, or nothing. Pure. */
export function tagsInWords(tags: readonly string[]): string {
  return tags.length === 0 ? '' : `[${tags.join(',')}]`;
}

/** `1 endpoint`, `2 endpoints`. Pure. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function age(ms: number | null): string {
  if (ms === null) return 'an unknown time';
  return ms < 10_000 ? `${(ms / 1_000).toFixed(1)} s` : `${Math.round(ms / 1_000)} s`;
}
