import type { Flows } from '../../ports/flow-cutter.ts';

/**
 * The words that delete exactly some flows: by who began them and where to, and by who answers.
 *
 * Pure.
 *
 * @see conntrack(8).
 */
export function deletionWords({ protocol, source, destination, endpoint }: Flows): readonly string[] {
  const words = ['-D', '-p', protocol, '--orig-src', source, '--orig-dst', destination.address];
  words.push('--orig-port-dst', String(destination.port));
  if (endpoint === undefined) return words;
  return [...words, '--reply-src', endpoint.address, '--reply-port-src', String(endpoint.port)];
}

/** Whether the command only found nothing to delete, which it takes for a failure. Pure. */
export function isNothingDeleted(stderr: string): boolean {
  return /\b0 flow entries have been deleted/.test(stderr);
}
