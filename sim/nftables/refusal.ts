/** Where a word stands in a script: a line and its columns, all from 1. */
export interface Place {
  readonly line: number;
  readonly first: number;
  readonly last: number;
}

/** What the kernel says, as nft 1.0.6 prints it. */
export const KERNEL_SAYS = {
  missing: 'Could not process rule: No such file or directory',
  exists: 'Could not process rule: File exists',
  busy: 'Could not process rule: Device or resource busy',
  unsupported: 'Could not process rule: Operation not supported',
  invalid: 'Could not process rule: Invalid argument',
  full: 'Could not process rule: Too many open files in system',
  deep: 'Could not process rule: Too many links',
} as const;

/** Thrown when nft or the kernel does not take a command; nothing of its script is applied then. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly place: Place;

  constructor(place: Place, words: string) {
    super(words);
    this.place = place;
  }

  /** As `nft -f -` prints it. */
  get stderr(): string {
    const { line, first, last } = this.place;
    return `/dev/stdin:${line}:${first}-${last}: Error: ${this.message}\n`;
  }
}
