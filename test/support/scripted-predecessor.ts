import type { Predecessor } from '../../src/ports/upgrade.ts';

/** A daemon before this one that lets go when told, and what it was told. */
export function scriptedPredecessor(): {
  readonly predecessor: Predecessor;
  readonly letGo: () => void;
  readonly told: (readonly string[])[];
} {
  const gone = Promise.withResolvers<undefined>();
  const told: (readonly string[])[] = [];
  const letGo = (): void => {
    gone.resolve(undefined);
  };
  const ready = (lacks: readonly string[]): void => {
    told.push(lacks);
  };
  return { predecessor: { gone: gone.promise.then(() => undefined), ready }, letGo, told };
}
