/** Thrown when a provider or discovery could not be asked at start and `failFast` was chosen. */
export class SourceUnreachable extends Error {
  override readonly name = 'SourceUnreachable';
}
