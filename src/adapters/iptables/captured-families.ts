import { familyOf } from '../../domain/address.ts';
import { captureRules } from './capture-rules.ts';
import { isEmpty } from './rule-set.ts';
import type { AddressFamily } from '../../domain/address.ts';
import type { Capture } from '../../ports/redirector.ts';

/** Whether a capture wants anything of a family. Pure. */
export function isCaptured(capture: Capture, family: AddressFamily): boolean {
  return !isEmpty(captureRules(capture, family, { inputClosed: false }));
}

/** The same capture for IPv4 alone; undefined where it is not of both families. Pure. */
export function withoutIpv6(capture: Capture): Capture | undefined {
  if (!isCaptured(capture, 4) || !isCaptured(capture, 6)) return undefined;
  const virtualIps = capture.virtualIps.filter((address) => familyOf(address) === 4);
  switch (capture.kind) {
    case 'dnat':
      return { ...capture, virtualIps };
    case 'redirect':
      return { ...capture, virtualIps, families: [4] };
  }
}
