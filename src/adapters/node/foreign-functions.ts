import { createRequire } from 'node:module';

/** The part of the foreign-function library that is used; its own types answer `any`. */
export interface ForeignFunctions {
  load(path: string | null): { func(definition: string): (...values: readonly unknown[]) => unknown };
  errno(): number;
  /** Declares a function's type, to be called back by. */
  proto(definition: string): unknown;
  pointer(type: unknown): unknown;
  /** Makes a function that native code may call until the process ends. */
  register(callback: (...values: readonly unknown[]) => unknown, type: unknown): unknown;
  struct(members: Readonly<Record<string, string>>): unknown;
  decode(pointer: unknown, type: unknown): unknown;
  array(type: string, length: number): unknown;
}

/**
 * Loads the library, when it is needed first.
 *
 * @throws {Error} It has no build for this machine; trying again does not help.
 */
export function foreignFunctions(): ForeignFunctions {
  return createRequire(import.meta.url)('koffi') as ForeignFunctions;
}
